"""Neutral wording: nothing that leaves the building in the open may tell what the visit is for. Pure.

R-02 (HIPAA's reasonable safeguards; practice name, time and call-back suffice): no treatment, drug, diagnosis
or clinical specialty in an SMS, an e-mail subject, a sender's name or a calendar title. R-06: at most 160
characters.
"""

import itertools
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

MAX_SMS_CHARACTERS = 160

# A trailing * stands for any ending. Words are compared without case and accents. Drugs and abbreviations
# tell the same in every language.
_EVERYWHERE = """
    ketamin* esketamin* spravato ketalar psilocybin* psilocibin* mdma lsd ayahuasca tms rtms ect emdr ptsd
    cbt phq* gad7 suboxone buprenorphin* buprenorfin* naltrexon* methadon* metadon* lorazepam clonazepam
    diazepam alprazolam midazolam xanax klonopin ativan valium prozac zoloft lexapro wellbutrin cymbalta
    effexor fluoxetin* sertralin* citalopram escitalopram bupropion duloxetin* venlafaxin* lithium litio
    lamotrigin* quetiapin* seroquel aripiprazol* abilify olanzapin* ondansetron zofran
"""
_BY_LANGUAGE = {
    "en": """
        infusion* dose doses dosed dosing dosage* overdos* therap* psychotherap* psychedel* psychiat*
        psycholog* counsel* integrat* depress* anxi* trauma* bipolar suicid* self_harm* addict* alcohol*
        substance_use rehab* detox* mental* medicat* medicine* prescri* treatment* treating diagnos* inject*
        lozenge* intravenous iv neurolog* anesthe* anaesthe* oncolog* pain_clinic crisis hallucin*
    """,
    "es": """
        infusi* dosis dosificaci* sobredosis terap* psicoterap* psicodel* psiquiat* siquiat* psicolog*
        sicolog* integraci* integrativ* depres* ansiedad trauma* bipolar suicid* autolesi* adicci* adict*
        alcohol* rehabilit* desintoxic* mental* medicament* medicaci* medicina* receta* tratamiento*
        diagnostic* inyecc* intravenos* neurolog* anestes* oncolog* clinica_del_dolor crisis alucin* tept
        emt
    """,
}
LANGUAGES = tuple(_BY_LANGUAGE)

_URL = re.compile(r"\b(?:https?://|www\.)[^\s<>\"]+", re.IGNORECASE)
# A part of a link as long as this is a random token (128 bits and more), in which a short word means nothing.
_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,}")
_TELLING_EVEN_IN_A_TOKEN = 6
# The token of a patient's own link, at the end of its address.
_OWN_LINK = re.compile(r"(?<=/[nov]/)[0-9A-Za-z]{22}\b")

# GSM 03.38: one character in 7 bits, and those that need an escape before them. á í ó ú are in neither.
_GSM7 = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM7_ESCAPED = frozenset("\f^{}\\[~]|€")
_CARRIED = _GSM7 | _GSM7_ESCAPED
_ASCII_WORDS = {code: " " for code in range(128) if not chr(code).isalnum()}
_JOINING = re.compile(r"(?<=\w)[-\u2010\u2011](?=\w)")
_PLAINER = str.maketrans(
    {"‘": "'", "’": "'", "“": '"', "”": '"', "–": "-", "—": "-", "…": "...", "\u00a0": " ", "\u202f": " "}
)


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a text may not go: `code` is stable, `detail` is the word or the link (never to be logged)."""

    code: str
    detail: str

    def __str__(self) -> str:
        return f"{self.code}: {self.detail}"


def problems(text: str, language: str, *, sms: bool = False, private: Iterable[str] = ()) -> list[Problem]:
    """What keeps `text` from being sent in the open; empty when nothing does.

    A language without a deny list of its own is held to all of them. `sms` also applies the limit of 160
    characters; `private` are the patient's values (names, phone, e-mail, birth date) that no link may
    carry.
    """
    # What a link of ours ends in is random: a word in it is chance, and a message less.
    links = [_OWN_LINK.sub("", link.rstrip(".,;:!?)")) for link in _URL.findall(text)]
    denied = denied_words(_URL.sub(" ", text), language)
    for link in links:
        least = _TELLING_EVEN_IN_A_TOKEN if _TOKEN.search(link) else 1
        denied += [word for word in denied_words(link, language) if len(word) >= least]
    found = [Problem("denied_word", word) for word in dict.fromkeys(denied)]
    found += [Problem("private_link", link) for link in links if _tells(link, private)]
    if sms and length(text) > MAX_SMS_CHARACTERS:
        found.append(Problem("too_long", str(length(text))))
    return found


def denied_words(text: str, language: str) -> list[str]:
    """The denied words of the text, without case and accents, each once, in their order."""
    joined = _JOINING.sub("", text)
    pattern = _pattern(language.partition("-")[0].casefold())
    hits = (match.group() for one in dict.fromkeys((text, joined)) for match in pattern.finditer(_words(one)))
    return list(dict.fromkeys(hits))


def length(text: str) -> int:
    """Characters as an SMS counts them: escaped GSM-7 ones twice; UTF-16 units when any is outside GSM-7."""
    if is_gsm7(text):
        return len(text) + sum(map(text.count, _GSM7_ESCAPED))
    return sum(_sizes(text))


def segments(text: str) -> int:
    """How many SMS parts the text takes: 160 GSM-7 or 70 UCS-2 characters in one, 153 or 67 in each of
    several.

    A character of two units is never cut in half, so a part may be a unit short.
    """
    one, each = (160, 153) if is_gsm7(text) else (70, 67)
    if length(text) <= one:
        return 1
    sizes = _sizes(text)
    parts, used = 1, 0
    for size in sizes:
        if used + size > each:
            parts, used = parts + 1, 0
        used += size
    return parts


def kept(text: str) -> str:
    """The text as it is kept: a link in it opens nothing any more."""
    return _OWN_LINK.sub("...", text)


def wide(text: str) -> list[str]:
    """The characters that GSM-7 lacks, each once: one of them makes the whole text UCS-2."""
    return [char for char in dict.fromkeys(text) if not is_gsm7(char)]


def is_gsm7(text: str) -> bool:
    return _CARRIED.issuperset(text)


def to_gsm7(text: str) -> str:
    """The text with plainer characters where GSM-7 lacks them: an accent would cut an SMS to 70 characters.

    What has no plainer form (another script, an emoji) stays.
    """
    if is_gsm7(text):
        return text
    return "".join(_plainer(char) for char in unicodedata.normalize("NFC", text).translate(_PLAINER))


def _plainer(char: str) -> str:
    if is_gsm7(char):
        return char
    bare = "".join(one for one in unicodedata.normalize("NFKD", char) if not unicodedata.combining(one))
    return bare if bare and is_gsm7(bare) else char


def _sizes(text: str) -> list[int]:
    if is_gsm7(text):
        return [2 if char in _GSM7_ESCAPED else 1 for char in text]
    return [2 if ord(char) > 0xFFFF else 1 for char in text]


def _words(text: str) -> str:
    """The text as lower-case words without accents, one space between them; look-alike forms and unseen
    marks go.
    """
    if text.isascii():
        # Most texts, character for character what follows makes of them.
        return " ".join(text.lower().translate(_ASCII_WORDS).split())
    plain = unicodedata.normalize("NFKD", text).casefold()
    kept = (char for char in plain if not unicodedata.combining(char) and unicodedata.category(char) != "Cf")
    return " ".join("".join(char if char.isalnum() else " " for char in kept).split())


@lru_cache(maxsize=16)
def _pattern(language: str) -> re.Pattern[str]:
    own = _BY_LANGUAGE.get(language) or " ".join(_BY_LANGUAGE.values())
    words = sorted({*_EVERYWHERE.split(), *own.split()})
    written = [word.replace("_", " ").replace("*", "[^ ]*") for word in words]
    # By their first letters, of which each place of a text tries one list alone.
    groups = (
        f"{first}(?:{'|'.join(word[1:] for word in group)})"
        for first, group in itertools.groupby(written, key=lambda word: word[0])
    )
    return re.compile(rf"\b(?:{'|'.join(groups)})(?![^ ])")


def _tells(link: str, private: Iterable[str]) -> bool:
    """A link holds a host, a path and a random token: no query, no address, nothing of the patient's."""
    if any(mark in link for mark in "?#@%"):
        return True
    values = [_words(value).replace(" ", "") for value in private]
    plain = _words(_TOKEN.sub(" ", link)).replace(" ", "")
    whole = _words(link).replace(" ", "")
    return any(
        (len(value) >= 3 and value in plain) or (len(value) >= _TELLING_EVEN_IN_A_TOKEN and value in whole)
        for value in values
    )
