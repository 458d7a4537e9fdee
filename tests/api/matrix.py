"""Sends every row of the access tables and says what is wrong with the answers: each function takes the rows
to send, so that a seeded fault is looked for where it is.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID, uuid4

from django.db import transaction
from django.test import Client
from django.utils import timezone

from clinic.practice.permissions import SCOPES
from scheduling.booking.course import courses, pauses
from scheduling.booking.visit import appointments, gaps
from tests.api import database
from tests.api.access import Row, World
from tests.api.access_pages import WORDS, Page
from tests.api.conftest import Api, program

# Headers that count requests.
COUNTED = {"X-Request-ID", "RateLimit"}


@contextmanager
def undone() -> Iterator[None]:
    """What happens inside is taken back: each row of the table begins in the same world.

    A bare savepoint, because the use cases refuse to run inside somebody else's `atomic`.
    """
    point = transaction.savepoint()
    try:
        yield
    finally:
        transaction.savepoint_rollback(point)


# --- the API --------------------------------------------------------------------------------------------
def address(row: Row, world: World, which: Callable[[str], Any]) -> str:
    found = row.route.replace("<id>", str(which(row.route.split("/")[0])))
    found = found.replace("<consent>", str(which("consents"))).replace("<delivery>", str(which("deliveries")))
    found = found.replace("<point>", str(which("points")))
    if row.route == "roster/":
        found += f"?site={world.clinic.site.pk}"
    if row.route == "waitlist/fits/":
        found += f"?appointment={world.ids['appointments']}"
    if row.route == "availability/":
        found += (
            f"?site={world.clinic.site.pk}&start_from=2026-12-01T00:00:00Z&start_before=2026-12-02T00:00:00Z"
        )
    return found


def send(api: Api, row: Row, where: str, body: Any) -> Any:
    headers = {"if_match": "*"} if row.method in {"PUT", "PATCH"} else {}
    if isinstance(body, bytes):
        headers["content_type"] = "text/csv"
        return api.send(row.method, where, raw=body, idempotency_key=uuid4().hex, **headers)
    return api.send(row.method, where, body, idempotency_key=uuid4().hex, **headers)


def prepare(row: Row, world: World) -> None:
    """Bring the visit, the course or the unit to where the row's verb is possible."""
    given: dict[str, Any] = {"actor": world.clinic.admin, "reason": "x", "now": timezone.now()}
    for verb in row.before:
        if verb == "waive":
            gaps.waive(gap_id=world.ids["gaps"], **given)
        elif verb == "course.pause":
            pauses.pause(course_id=world.ids["courses"], **given)
        elif verb == "course.stop":
            courses.cancel(course_id=world.ids["courses"], **given)
        else:
            appointments.transition(appointment_id=world.ids["appointments"], verb=verb, **given)


def name_of(row: Row) -> str:
    return f"{row.method} {row.route}"


def check_own(rows: Sequence[Row], ours: World, theirs: World) -> None:
    """The scope alone opens its calls, and no answer names anything of another practice."""
    for row in rows:
        with undone():
            prepare(row, ours)
            api = program(ours.clinic.practice, row.scope)
            answer = send(api, row, address(row, ours, ours.ids.get), ours.body(row.body))
            assert answer.status_code == row.status, (name_of(row), answer.content)
            assert theirs.named_in(answer) == [], name_of(row)


def check_scopes(rows: Sequence[Row], ours: World) -> None:
    """All the other scopes together open nothing, and do not tell whether the object is there."""
    for row in rows:
        with undone():
            api = program(ours.clinic.practice, *(set(SCOPES) - {row.scope}))
            body = ours.body(row.body)
            for which in (ours.ids.get, missing):
                answer = send(api, row, address(row, ours, which), body)
                assert answer.status_code == 403, name_of(row)
                assert answer.json()["code"] == "not_allowed", name_of(row)


def missing(kind: str) -> UUID:
    """The id of nothing."""
    return uuid4()


def inner(row: Row, owner: World, which: Callable[[str], Any]) -> Callable[[str], Any]:
    """The outer object is the owner's, the inner is as told."""
    outer = row.route.split("/")[0]
    return lambda kind: owner.ids[outer] if kind == outer else which(kind)


def check_foreign(rows: Sequence[Row], ours: World, theirs: World) -> None:
    """Another practice's object answers byte for byte like a missing one, and nothing is written; so does
    another's object below an own one.
    """
    for row in rows:
        if "<" not in row.route:
            continue
        pairs = [(theirs.ids.get, missing)]
        if row.route.count("<") > 1:
            pairs.append((inner(row, ours, theirs.ids.get), inner(row, ours, missing)))
        for foreign, none in pairs:
            with undone():
                prepare(row, theirs)
                api = program(ours.clinic.practice)
                body = ours.body(row.body)
                before = database.counts()
                answers = [send(api, row, address(row, ours, which), body) for which in (foreign, none)]
                assert [one.status_code for one in answers] == [404, 404], (name_of(row), answers[0].content)
                assert answers[0].content == answers[1].content, name_of(row)
                told = [{k: v for k, v in one.items() if k not in COUNTED} for one in answers]
                assert told[0] == told[1], name_of(row)
                assert database.counts() == before, f"{name_of(row)}: refused, and written all the same"


def check_lists(rows: Sequence[Row], ours: World, theirs: World) -> None:
    """A list holds nothing of another practice."""
    for row in rows:
        if row.method == "GET" and row.route.endswith("/") and "<" not in row.route:
            answer = send(program(ours.clinic.practice), row, address(row, ours, ours.ids.get), None)
            assert answer.status_code == 200
            assert theirs.named_in(answer) == [], name_of(row)


# --- pages ----------------------------------------------------------------------------------------------
def page_address(page: Page, value: object) -> str:
    found = re.sub(r"<uuid:\w+>", str(value), page.route)
    for words, told in WORDS.items():
        found = found.replace(words, told)
    return "/" + found.replace("<slug:verb>", page.verb)


def visit_page(browser: Client, page: Page, value: object, **headers: Any) -> Any:
    form = {"version": "", **(page.form or {})}
    call = browser.get if page.method == "GET" else browser.post
    return call(page_address(page, value), *([] if page.method == "GET" else [form]), **headers)


def browsers(world: World) -> dict[str, Client]:
    people = {
        "front_desk": world.clinic.front_desk,
        "therapist": world.clinic.therapists[0],
        "prescriber": world.clinic.prescriber,
        "practice_admin": world.admin,
    }
    found = {}
    for role, person in people.items():
        found[role] = Client(raise_request_exception=False)
        found[role].force_login(person)
    return found


def check_roles(pages: Sequence[Page], ours: World) -> None:
    """Each role is shown and does what the table says."""
    for role, browser in browsers(ours).items():
        for page in pages:
            with undone():
                answer = visit_page(browser, page, ours.ids.get(page.kind))
                assert answer.status_code == page.roles[role], (role, page, answer.content[-2000:])


def check_foreign_pages(pages: Sequence[Page], ours: World, theirs: World) -> None:
    """Staff see nothing of another practice, and not whether it is there."""
    for role, browser in browsers(ours).items():
        for page in pages:
            with undone():
                if not page.kind:
                    assert theirs.named_in(visit_page(browser, page, "")) == [], (role, page)
                    continue
                other = visit_page(browser, page, theirs.ids[page.kind])
                none = visit_page(browser, page, uuid4())
                assert other.status_code == none.status_code == 404, (role, page)
                assert other.content == none.content, (role, page)
