"""The measures that patients fill in themselves, item by item, word by word as they were published. Pure.

Only instruments that may be reproduced freely stand here; of every other measure staff enter the score. Both
are by Drs. Robert L. Spitzer, Janet B.W. Williams, Kurt Kroenke and colleagues, with an educational grant
from Pfizer Inc.: "No permission required to reproduce, translate, display or distribute." The Spanish PHQ-9
is the one that was published with them; no Spanish GAD-7 could be compared with its publication, so that it
has English alone.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# Every item is answered from 0 to 3.
MOST = 3
Texts = Mapping[str, tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Instrument:
    """`number` is its name in an address, which tells nothing. `lead`, `choices` and `items` are by language;
    `harm` is the item, from 1, that asks about death and self-harm, 0 for none."""

    code: str
    number: int
    lead: Mapping[str, str]
    choices: Texts
    items: Texts
    harm: int = 0

    @property
    def length(self) -> int:
        return len(self.items["en"])

    def told_in(self, language: str) -> str:
        """This language where the instrument was published in it, else English."""
        return language if language in self.items else "en"

    def score(self, answers: Sequence[int]) -> int:
        return sum(answers)

    def harm_in(self, answers: Mapping[int, int | None]) -> int:
        """S-22: the answer about self-harm, of answers by item from 1; above 0 a clinician has to look on the
        same day."""
        return answers.get(self.harm) or 0


_CHOICES = {
    "en": ("Not at all", "Several days", "More than half the days", "Nearly every day"),
    "es": ("Ningún día", "Varios días", "Más de la mitad de los días", "Casi todos los días"),
}
_LEAD = "Over the last 2 weeks, how often have you been bothered by any of the following problems?"

INSTRUMENTS = (
    Instrument(
        code="PHQ-9",
        number=1,
        lead={
            "en": _LEAD,
            "es": "Durante las últimas 2 semanas, ¿qué tan seguido ha tenido molestias debido a los "
            "siguientes problemas?",
        },
        choices=_CHOICES,
        items={
            "en": (
                "Little interest or pleasure in doing things",
                "Feeling down, depressed, or hopeless",
                "Trouble falling or staying asleep, or sleeping too much",
                "Feeling tired or having little energy",
                "Poor appetite or overeating",
                "Feeling bad about yourself – or that you are a failure or have let yourself or your family "
                "down",
                "Trouble concentrating on things, such as reading the newspaper or watching television",
                "Moving or speaking so slowly that other people could have noticed? Or the opposite – being "
                "so fidgety or restless that you have been moving around a lot more than usual",
                "Thoughts that you would be better off dead or of hurting yourself in some way",
            ),
            "es": (
                "Poco interés o placer en hacer cosas",
                "Se ha sentido decaído(a), deprimido(a) o sin esperanzas",
                "Ha tenido dificultad para quedarse o permanecer dormido(a), o ha dormido demasiado",
                "Se ha sentido cansado(a) o con poca energía",
                "Sin apetito o ha comido en exceso",
                "Se ha sentido mal con usted mismo(a) – o que es un fracaso o que ha quedado mal con usted "
                "mismo(a) o con su familia",
                "Ha tenido dificultad para concentrarse en ciertas actividades, tales como leer el "
                "periódico o ver la televisión",
                "¿Se ha movido o hablado tan lento que otras personas podrían haberlo notado? o lo contrario "
                "– muy inquieto(a) o agitado(a) que ha estado moviéndose mucho más de lo normal",
                "Pensamientos de que estaría mejor muerto(a) o de lastimarse de alguna manera",
            ),
        },
        harm=9,
    ),
    Instrument(
        code="GAD-7",
        number=2,
        lead={"en": _LEAD},
        choices={"en": _CHOICES["en"]},
        items={
            "en": (
                "Feeling nervous, anxious or on edge",
                "Not being able to stop or control worrying",
                "Worrying too much about different things",
                "Trouble relaxing",
                "Being so restless that it is hard to sit still",
                "Becoming easily annoyed or irritable",
                "Feeling afraid as if something awful might happen",
            ),
        },
    ),
)
BY_CODE = {one.code: one for one in INSTRUMENTS}
BY_NUMBER = {one.number: one for one in INSTRUMENTS}
