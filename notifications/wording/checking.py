"""Whether a practice's own words may be sent, and how they come out. Reads nothing, writes nothing.

Asked while somebody types, before their words are kept, and again before each message is filled with them:
what a stricter rule refuses today is not sent, however long it has stood.
"""

import itertools
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache

from django.conf import settings

from clinic.practice import fields
from clinic.practice.fields import Problems
from notifications import neutral
from notifications.wording import invitation, placeholders, rendering, samples, texts
from notifications.wording.placeholders import Template, Unreadable
from notifications.wording.rendering import Reader, Rendered
from notifications.wording.texts import Which, Words

LONGEST = {"sms": 600, "email": 5000}
LONGEST_SUBJECT = 150
# Held to the words of every language: patients read more than one.
_ANY_LANGUAGE = ""
# What may be unknown when a message is filled, for whatever reason.
_MAY_LACK = ("phone", "link", "place", *texts.SILENT)
_EVERY_NAME = frozenset(name for said in texts.KINDS.values() for name in said.names)
_WHY = {
    "clinic": "it says who writes",
    "phone": "it says whom to call; in [brackets], since a site may have no number",
    "stop": "it says how to make the messages stop",
    "frequency": "carriers want it said how often (R-12)",
    "rates": "carriers want it said that it may cost something (R-12)",
    "help": "carriers want it said how to get help (R-12)",
    "ended": "it says that nothing more comes (R-08, R-12)",
    "link": "it is what was asked for",
    "times": "it says when",
    "first": "it says when",
    "until": "it says how long the place is kept",
    "count": "it says how much there is",
    "matters": "it says what",
    "home": "it says where",
}


@dataclass(frozen=True, slots=True)
class Preview:
    """The text with sample values. `segments` and `characters` are of an SMS; `wide` are the characters that
    make it UCS-2, `shortened` says that visits or the link were left out to make it fit.
    """

    name: str
    subject: str
    text: str
    segments: int
    characters: int
    wide: tuple[str, ...]
    shortened: bool


@dataclass(frozen=True, slots=True)
class Check:
    """`problems` by field keep the words from being used; `plainer` are characters that an SMS sends as
    others (á as a).
    """

    problems: Mapping[str, tuple[str, ...]]
    previews: tuple[Preview, ...] = ()
    plainer: tuple[tuple[str, str], ...] = ()

    @property
    def passes(self) -> bool:
        return not self.problems


def check(*, which: Which, words: Words, clinic: str, phone: str) -> Check:
    """Try the words with the practice's own name and phone, and sample visits."""
    problems = Problems()
    fields.text(problems, "body", words.body, longest=LONGEST[which.channel], lines=True)
    if which.channel == "email":
        fields.text(problems, "subject", words.subject, longest=LONGEST_SUBJECT)
    # What is too long is not remembered either.
    return Check(_frozen(problems)) if problems.fields else _tried(which, words, clinic, phone)


@lru_cache(maxsize=512)
def _tried(which: Which, words: Words, clinic: str, phone: str) -> Check:
    problems = Problems()
    templates = {"body": _read(problems, "body", words.body)}
    if which.channel == "email":
        templates["subject"] = _read(problems, "subject", words.subject)
    for field, template in templates.items():
        if template is not None:
            _names(problems, field, template, which)
            _neutral(problems, field, template.literal)
    body = templates["body"]
    if body is None or not all(map(_fillable, templates.values())):
        return Check(_frozen(problems))
    _needs(problems, body, which)
    previews = tuple(_preview(problems, each, which, words, clinic) for each in _samples(which, phone))
    return Check(_frozen(problems), previews, _plainer(body.literal) if which.channel == "sms" else ())


def lint(
    *, rendered: Rendered, sender_name: str, language: str, private: Sequence[str] = ()
) -> list[neutral.Problem]:
    """What keeps a finished message from being seen by others (R-02, R-06, R-18): text, subject, sender,
    calendar title.
    """
    if not rendered.subject:
        return neutral.problems(rendered.text, language, sms=True, private=private)
    calendar = invitation.title(clinic=sender_name, language=language)
    parts = (rendered.subject, rendered.text, sender_name, calendar)
    return [problem for part in parts for problem in neutral.problems(part, language, private=private)]


def told(char: str) -> str:
    """A character by its name, for one that cannot be seen: `‘🙂’ slightly smiling face`."""
    name = unicodedata.name(char, f"U+{ord(char):04X}").lower()
    return f"“{char}” {name}" if char.isprintable() and not char.isspace() else name


def _read(problems: Problems, field: str, text: str) -> Template | None:
    try:
        return placeholders.parse(text)
    except Unreadable as error:
        problems.add(field, str(error))
        return None


def _names(problems: Problems, field: str, template: Template, which: Which) -> None:
    known = texts.KINDS[which.kind].known(which.channel)
    if field == "subject":
        known = tuple(name for name in known if name in texts.IN_SUBJECT)
    for name in template.names:
        if name in known:
            continue
        near = get_close_matches(name.casefold(), known, n=1)
        meant = f" Did you mean {{{near[0]}}}?" if near else ""
        problems.add(field, f"{{{name[:30]}}} cannot stand here.{meant}")


def _neutral(problems: Problems, field: str, literal: str) -> None:
    for problem in neutral.problems(literal, _ANY_LANGUAGE):
        problems.add(field, in_words(problem))


def in_words(problem: neutral.Problem) -> str:
    """What is wrong, to whoever wrote it."""
    if problem.code == "denied_word":
        return f"“{problem.detail}” tells what the visit is for: others may read it (R-02)."
    if problem.code == "private_link":
        return f"The link {problem.detail} may hold no ?, #, @ or %."
    return f"It has {problem.detail} characters: a text message may have {neutral.MAX_SMS_CHARACTERS} (R-06)."


def _fillable(template: Template | None) -> bool:
    return template is not None and set(template.names) <= _EVERY_NAME


def _needs(problems: Problems, body: Template, which: Which) -> None:
    """What must stand in it stands there whatever else is unknown."""
    said = texts.KINDS[which.kind]
    known = said.known(which.channel)
    lacking = [name for name in _MAY_LACK if name in said.names]
    for gone in itertools.chain.from_iterable(
        itertools.combinations(lacking, count) for count in range(len(lacking) + 1)
    ):
        values = {name: None if name in gone else name for name in said.names}
        used = body.used({**dict.fromkeys(_EVERY_NAME), **values})
        for needed in said.needs:
            group = tuple(name for name in needed if name in known)
            if not set(group) & used and any(values[name] is not None for name in group):
                _add_once(problems, _lacks(group, gone))


def _lacks(group: tuple[str, ...], gone: tuple[str, ...]) -> str:
    names = " or ".join(f"{{{name}}}" for name in group if name not in texts.SILENT)
    when = f" when there is no {' and no '.join(f'{{{name}}}' for name in gone)}" if gone else ""
    return f"{names} is missing{when}: {_WHY[group[0]]}."


def _add_once(problems: Problems, message: str) -> None:
    # The shortest way to lack it says it all.
    start = message.partition(" is missing")[0]
    if not any(one.startswith(start) for one in problems.fields.get("body", [])):
        problems.add("body", message)


def _preview(problems: Problems, sample: samples.Sample, which: Which, words: Words, clinic: str) -> Preview:
    reader = Reader(language=which.language, zone=sample.zone, clinic=clinic)
    made = rendering.render(
        kind=which.kind, channel=which.channel, reader=reader, facts=sample.facts, words=words
    )
    _finished(problems, made, which, clinic)
    sms = which.channel == "sms"
    link = sample.facts.link
    return Preview(
        name=sample.name,
        subject=made.subject,
        text=made.text.strip(),
        segments=neutral.segments(made.text) if sms else 0,
        characters=neutral.length(made.text) if sms else 0,
        wide=tuple(neutral.wide(made.text)) if sms else (),
        shortened=sms
        and ("(+" in made.text or ("{link}" in words.body and bool(link) and link not in made.text)),
    )


def _finished(problems: Problems, made: Rendered, which: Which, clinic: str) -> None:
    """What only the finished text shows: its length, and words that its values bring along."""
    if which.channel == "email" and not 0 < len(made.subject) <= LONGEST_SUBJECT:
        told = f"It comes out with {len(made.subject)} characters: 1 to {LONGEST_SUBJECT} are possible."
        problems.fields.setdefault("subject", [told])
        return
    for problem in lint(rendered=made, sender_name=clinic, language=which.language):
        message = in_words(problem)
        if message not in problems.fields.get("body", []):
            problems.add("body", message)


def _samples(which: Which, phone: str) -> tuple[samples.Sample, ...]:
    return samples.of(kind=which.kind, phone=phone, link=f"{settings.PUBLIC_URL}/v/{samples.TOKEN}")


def _plainer(literal: str) -> tuple[tuple[str, str], ...]:
    pairs = ((char, neutral.to_gsm7(char)) for char in dict.fromkeys(literal))
    return tuple((char, plain) for char, plain in pairs if plain != char)


def _frozen(problems: Problems) -> Mapping[str, tuple[str, ...]]:
    return {field: tuple(found) for field, found in problems.fields.items()}
