"""Every code that the pages show has its words."""

import re
from pathlib import Path

from scheduling import states
from scheduling.web import story, words

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("clinic", "patients", "notifications", "scheduling")
KIND = re.compile(
    r'\bkind="(\w+)"|^KIND = "(\w+)"|_work_item\(message, "(\w+)"|_ITEM = "(\w+)"', re.MULTILINE
)


def kinds_raised() -> set[str]:
    """The kinds of task that the source raises."""
    found = set()
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            source = path.read_text(encoding="utf-8")
            if "work.raise_item(" in source or "_ITEM = " in source:
                found |= {name for groups in KIND.findall(source) for name in groups if name}
    return found


def test_every_kind_of_task_has_its_words_and_no_other() -> None:
    assert set(story.WORK) == kinds_raised()


def test_every_state_has_its_words() -> None:
    assert set(words.STATUSES) == set(states.APPOINTMENT.states)
    assert set(words.COURSES) == set(states.COURSE.states)


def test_every_step_of_a_visit_is_told_in_the_story() -> None:
    steps = {f"appointment.{move.verb}" for move in states.APPOINTMENT.moves}
    assert steps - set(story.TRAIL) == set()


def test_a_sentence_of_the_domain_is_told_without_its_codes() -> None:
    told = words.told("dose-4 begins before plan_review-1 is over: at most 2 of acute_series (S-14).")
    assert told == "dose 4 begins before plan review 1 is over: at most 2 of acute series (S-14)."
