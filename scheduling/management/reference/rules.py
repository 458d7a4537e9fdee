"""rules.md: which safety and messaging rules the product keeps today, and where the code says so."""

import re
from collections import defaultdict
from pathlib import Path

from scheduling.booking.guard import rulebook
from scheduling.management.reference.known import RULES, Rule
from scheduling.management.reference.markdown import table

ROOT = Path(__file__).resolve().parents[3]
APPS = ("clinic", "patients", "notifications", "scheduling")
NAMED = re.compile(r"\b[SR]-\d\d\b")
# Apps whose rooms are folders or files of their own.
DEEP = ("clinic", "scheduling")
OWN = "scheduling/management/reference/"


def page() -> str:
    found = places()
    return "".join(
        [
            "# Rules\n\n",
            "> This is not medical or legal advice. The rules restate published sources in a line "
            "each, as we read them, so\n",
            "> that a reader of the code can find why a line is there. Every number is a default that "
            "the clinic decides on.\n\n",
            "**Kept**: the product does this. **In part**: it does some of it; the page says what is "
            "missing. **Not yet**: it\n",
            "does nothing, and the clinic must see to it in another way.\n\n",
            "## Safety\n\n",
            "A rule that blocks can be overridden by a prescriber or a clinical lead, with a reason; "
            "both are kept with\n",
            "the visit for ever, and shown wherever it is shown.\n\n",
            _table("S", found),
            "\n## Messages\n\n",
            _table("R", found),
            "\n## Rules of booking\n\n",
            "The names that `rule_violation` and `unplannable` use, from "
            "`scheduling/booking/guard/rulebook.py`. A warning never\n",
            "stops a booking. Who may break a rule is told with each violation as `may_override`; a single "
            "case of a rule\n",
            "may stand for everybody. At planning an override named `window` or `spacing` changes the "
            "figures of one dose.\n\n",
            table(("Rule", "Severity", "Who may override", "Meaning"), _book()),
        ]
    )


def _book() -> list[tuple[str, ...]]:
    return [
        (f"`{name}`", rule.severity, ", ".join(rule.may_override) or "nobody", rule.meaning)
        for name, rule in rulebook.RULES.items()
    ]


def places() -> dict[str, list[str]]:
    """The rooms whose source names each rule."""
    found: dict[str, set[str]] = defaultdict(set)
    for app in APPS:
        for path in sorted((ROOT / app).rglob("*.py")):
            relative = path.relative_to(ROOT).as_posix()
            if "/migrations/" in relative or relative.startswith(OWN):
                continue
            # The room, not the file: a page that changed with every comment would be changed by hand.
            room = "/".join(path.relative_to(ROOT).parts[:2]) if app in DEEP else app
            for name in NAMED.findall(path.read_text(encoding="utf-8")):
                found[name].add(room)
    return {name: sorted(rooms) for name, rooms in found.items()}


def _table(letter: str, found: dict[str, list[str]]) -> str:
    rows = [_row(rule, found) for rule in RULES if rule.id.startswith(letter)]
    return table(("Rule", "What it asks", "Today", "How, and what is missing", "Named in"), rows)


def _row(rule: Rule, found: dict[str, list[str]]) -> tuple[str, ...]:
    named = ", ".join(f"[{room}](../../{room})" for room in found.get(rule.id, []))
    return rule.id, rule.asks, rule.today, rule.how, named
