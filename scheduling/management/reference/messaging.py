"""messaging-rules.md: each rule of messages with what keeps it and the tests that carry its name."""

import re
from collections import defaultdict

from django.conf import settings

from scheduling.management.reference.known import RULES
from scheduling.management.reference.markdown import table
from scheduling.management.reference.rules import ROOT

_TEST = re.compile(r"def test\w*")
_CARRIED = re.compile(r"_r_(\d\d)(?=_)")


def page() -> str:
    found = tests()
    rows = [
        (rule.id, rule.asks, rule.today, rule.how, _links(found.get(rule.id, [])))
        for rule in RULES
        if rule.id.startswith("R")
    ]
    return "".join(
        [
            "# Rules of messages\n\n",
            "> This is not legal advice: each rule restates its source in a line, as we read it.\n\n",
            "A test that holds a rule carries it in its name: `pytest -k r_07` runs those of R-07. Law that "
            "begins on a day is\n",
            "a setting, because regulators put such days off: R-09 from "
            f"{settings.LAW_REVOKE_ALL_FROM:%d %B %Y} (`LAW_REVOKE_ALL_FROM`). R-08 (4 April 2024)\n",
            "and R-07 (11 April 2025) are in force and are kept whatever the day.\n\n",
            "What is the clinic's own: registering brand and campaign (R-12), signing the agreement (R-16), "
            "a privacy notice, and\n",
            "telling patients of the risk before they choose a channel (R-03).\n\n",
            table(("Rule", "What it asks", "Today", "What keeps it, and what is missing", "Tests"), rows),
        ]
    )


def tests() -> dict[str, list[str]]:
    """The files of the tests that carry each rule."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in (ROOT / "tests").rglob("test_*.py"):
        for name in _TEST.findall(path.read_text(encoding="utf-8")):
            for number in _CARRIED.findall(name):
                found[f"R-{number}"].add(path.relative_to(ROOT).as_posix())
    return {rule: sorted(paths) for rule, paths in found.items()}


def _links(paths: list[str]) -> str:
    return ", ".join(f"[{path.removeprefix('tests/')}](../../{path})" for path in paths)
