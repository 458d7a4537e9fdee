"""The reference says what the code says, and every page of the docs leads somewhere."""

import ast
import re
from pathlib import Path

import pytest

from notifications.planning import ledger
from scheduling.booking.guard import rulebook
from scheduling.management.reference import known, messaging, pages, rules
from tests.docs import fenced
from tests.docs.fenced import ROOT

LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
# A reader has this repository and the public network: no folder of a machine, no private package index.
NOT_FOR_READERS = re.compile(
    r"\bshared/|(?<![\w.])/(?:work|home|root|Users|tmp)/|(?<!no-emit-)index-url|artifactory|nexus|devpi"
    r"|packages\.[a-z]+\.(?:internal|local|corp)",
    re.IGNORECASE,
)


def test_the_generated_pages_say_what_the_code_says() -> None:
    assert pages.stale() == [], "run ./dev manage write_reference"


def test_a_page_that_was_changed_by_hand_is_found(tmp_path: Path) -> None:
    pages.write(folder=tmp_path)
    assert pages.stale(folder=tmp_path) == []
    (tmp_path / "reference" / "errors.md").write_text("# Errors\n")
    (tmp_path / "reference" / "rules.md").unlink()
    assert pages.stale(folder=tmp_path) == ["reference/errors.md", "reference/rules.md"]


def test_the_diagram_of_a_message_stands_on_the_page_that_explains_it(tmp_path: Path) -> None:
    pages.write(folder=tmp_path)
    page = tmp_path / "explanation" / "reminders.md"
    text = page.read_text(encoding="utf-8")
    for move in ledger.MOVES:
        for source in move.sources:
            assert re.search(rf"^    {source} --> {move.target}: .*\b{move.verb}\b", text, re.MULTILINE)
    page.write_text(text.replace("handing_over --> in_doubt", "handing_over --> planned"), encoding="utf-8")
    assert pages.stale(folder=tmp_path) == ["explanation/reminders.md"]


def test_every_rule_that_the_code_names_is_explained() -> None:
    listed = {rule.id for rule in known.RULES}
    assert set(rules.places()) <= listed
    assert len(listed) == len(known.RULES)


def test_every_rule_of_messages_is_carried_by_a_test() -> None:
    listed = {rule.id for rule in known.RULES if rule.id.startswith("R-")}
    assert set(messaging.tests()) == listed


def test_every_rule_of_planning_is_explained() -> None:
    used = set()
    for path in (ROOT / "scheduling" / "planning").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
                name = node.args[0]
                if node.func.id in {"broken", "_says", "Violation", "UnmetRule", "Attempt"}:
                    used |= {name.value} if isinstance(name, ast.Constant) else set()
    assert used
    assert used <= set(rulebook.RULES)


@pytest.mark.parametrize("page", fenced.pages(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_no_link_of_a_page_is_dead(page: Path) -> None:
    text = CODE.sub("", page.read_text(encoding="utf-8"))
    dead = []
    for found in LINK.finditer(text):
        target = found[1] or found[2]
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        to = (page.parent / name).resolve() if name else page
        if not to.exists() or (anchor and anchor not in anchors(to)):
            dead.append(target)
    assert dead == []


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"^```.*?^```", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    heads = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", head.lower()).replace(" ", "-") for head in heads}


@pytest.mark.parametrize("page", fenced.pages(), ids=lambda page: page.relative_to(ROOT).as_posix())
def test_a_page_speaks_of_the_project_alone(page: Path) -> None:
    assert NOT_FOR_READERS.findall(page.read_text(encoding="utf-8")) == []


def test_every_page_of_the_docs_can_be_reached_from_their_index() -> None:
    linked = set()
    index = ROOT / "docs" / "README.md"
    for found in LINK.finditer(index.read_text(encoding="utf-8")):
        linked.add((index.parent / (found[1] or found[2]).partition("#")[0]).resolve())
    missing = {page.relative_to(ROOT).as_posix() for page in (ROOT / "docs").rglob("*.md")} - {
        "docs/README.md"
    }
    assert {name for name in missing if (ROOT / name).resolve() not in linked} == set()
