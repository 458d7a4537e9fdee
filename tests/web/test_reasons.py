"""Every reason that the source writes for a message that was not sent has its words."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from notifications.planning import ledger
from scheduling import states
from scheduling.models.followup import GapStatus
from scheduling.web import reasons
from scheduling.web.messages import message

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("notifications", "scheduling/booking", "scheduling/followups")
# What stands behind the beginning of a reason that is put together.
ENDINGS = {
    "visit_": tuple(states.APPOINTMENT.states),
    "follow_up_": tuple(GapStatus.values),
    "undelivered:": ("30003",),
    "too_many_attempts:": ("worker_lost",),
    "http_": ("500",),
    "smtp_": ("451",),
}
# Calls whose texts are reasons: all of them, or those of one argument.
WHOLE = {"Silence", "Problem", "Retry"}
NAMED = {"withdraw": "reason", "failed": "reason", "Result": "code", "suppress_address": "reason"}
# Functions that answer with one.
ANSWERING = {"_untrue", "suppresses"}
STATES = {*ledger.STATES}


def texts(node: ast.AST) -> Iterator[str]:
    """The texts of an expression; a text that is put together, with each of its endings."""
    if isinstance(node, ast.JoinedStr):
        first = node.values[0]
        if isinstance(first, ast.Constant) and isinstance(first.value, str):
            yield from (f"{first.value}{ending}" for ending in ENDINGS.get(first.value, ("?",)))
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif not (isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "get"):
        for child in ast.iter_child_nodes(node):
            yield from texts(child)


def written(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call):
            name = getattr(node.func, "id", "") or getattr(node.func, "attr", "")
            if name in WHOLE:
                for one in (*node.args[:1], *(node.args[2:] if name == "Retry" else ())):
                    yield from texts(one)
            for keyword in node.keywords:
                if keyword.arg in {NAMED.get(name, "suppress"), "suppress", "state_reason"}:
                    yield from texts(keyword.value)
        elif isinstance(node, ast.FunctionDef) and node.name in ANSWERING:
            for one in ast.walk(node):
                if isinstance(one, ast.Return) and one.value is not None:
                    yield from texts(one.value)


def codes() -> set[str]:
    found = set()
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            if "webhooks" not in path.parts:
                found |= {one for one in written(path.read_text(encoding="utf-8")) if one}
    return found - STATES


def known(code: str) -> bool:
    head, _, rest = code.partition(":")
    if head in reasons.FOLLOWED:
        return not rest or known(rest)
    told = reasons.why(code)
    return code in reasons.WHY or told != reasons.words.plain(code)


def test_every_reason_that_the_source_writes_has_its_words() -> None:
    found = codes()
    assert {"no_consent", "visit_no_show", "follow_up_waived", "worker_lost", "merged"} & found
    assert {one for one in found if " " not in one and not known(one)} == set()


def test_a_reason_without_words_would_be_found() -> None:
    source = 'def f():\n    return Silence("brand_new") if x else Silence(f"visit_{one}")'
    assert {"brand_new", "visit_booked"} < {*written(source)}
    assert not known("brand_new")


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("permanent:21610", "the provider refused it: the number opted out (the provider says 21610)"),
        ("transient:smtp_451", "tried again: the mail server answered 451"),
        (
            "not_neutral:denied_word,too_long",
            "its words may not be seen: a word tells the treatment, it is too long",
        ),
        ("too_many_attempts:worker_lost", "given up after five tries: the program that sends it broke off"),
        ("ReadTimeout", "the connection broke off (ReadTimeout)"),
        ("99999", "the provider says 99999"),
        ("brand_new", "brand new"),
        ("", ""),
    ],
)
def test_a_reason_is_told_in_words(code: str, told: str) -> None:
    assert reasons.why(code) == told


def test_every_status_of_a_provider_has_its_words() -> None:
    assert set(message.REPORTED) == set(ledger.PROVIDER_STATUSES)
