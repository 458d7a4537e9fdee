"""rules.md: which safety and messaging rules the product keeps today, and where the code says so."""

import re
from collections import defaultdict
from pathlib import Path

from scheduling.management.reference.known import PLANNER, RULES, Rule
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
            "A rule that blocks can be overridden by somebody with `courses.override` and with a "
            "reason; both are kept with\n",
            "the visit for ever.\n\n",
            _table("S", found),
            "\n## Messages\n\n",
            _table("R", found),
            "\n## Rules of planning\n\n",
            "The names that `rule_violation` and `unplannable` use. A warning never stops a booking. "
            "At planning an\n",
            "override named `window` or `spacing` changes the figures of one dose instead.\n\n",
            table(
                ("Rule", "Severity", "Overridable", "Meaning"),
                [(f"`{name}`", *told) for name, told in PLANNER.items()],
            ),
        ]
    )


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
