"""Every address × {nobody, each role, programs with and without the scope, another practice} × {own,
another's, missing}."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from clinic.practice.permissions import SCOPES
from scheduling.booking import appointments, courses, gaps, pauses
from tests.api import access
from tests.api.access import API, Row, World
from tests.api.access_pages import OPEN, PAGES, ROLES, Page
from tests.api.conftest import Api, program

pytestmark = pytest.mark.django_db
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@pytest.fixture
def ours(db: None) -> World:
    return access.build()


@pytest.fixture
def theirs(db: None) -> World:
    return access.build()


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


def routes() -> set[str]:
    """Every address of the project, as its pattern."""

    def walk(patterns: list[Any], prefix: str) -> Iterator[str]:
        for pattern in patterns:
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns, prefix + str(pattern.pattern))
            elif isinstance(pattern, URLPattern):
                yield prefix + str(pattern.pattern)

    return set(walk(get_resolver().url_patterns, ""))


def pattern_of(row: Row) -> str:
    return "api/v1/" + row.route.replace("<id>", "<uuid:id>").replace(
        "<consent>", "<uuid:consent_id>"
    ).replace("<delivery>", "<uuid:delivery>")


def test_every_address_is_in_the_tables() -> None:
    listed = {pattern_of(row) for row in API} | {page.route for page in PAGES} | {route for _, route in OPEN}
    assert routes() == listed


# --- the API --------------------------------------------------------------------------------------------
def address(row: Row, world: World, which: Callable[[str], Any]) -> str:
    found = row.route.replace("<id>", str(which(row.route.split("/")[0])))
    found = found.replace("<consent>", str(which("consents"))).replace("<delivery>", str(which("deliveries")))
    if row.route == "roster/":
        found += f"?site={world.clinic.site.pk}"
    if row.route == "waitlist/fits/":
        found += f"?appointment={world.ids['appointments']}"
    if row.route == "availability/":
        found += (
            f"?site={world.clinic.site.pk}&start_from=2026-12-01T00:00:00Z&start_before=2026-12-02T00:00:00Z"
        )
    return found


def send(api: Api, row: Row, world: World, where: str) -> Any:
    headers = {"if_match": "*"} if row.method in {"PUT", "PATCH"} else {}
    body = world.body(row.body)
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


def test_programs_reach_their_own_with_the_scope_alone(ours: World) -> None:
    for row in API:
        with undone():
            prepare(row, ours)
            answer = send(
                program(ours.clinic.practice, row.scope), row, ours, address(row, ours, ours.ids.get)
            )
            assert answer.status_code == row.status, (name_of(row), answer.content)


def test_programs_without_the_scope_reach_nothing(ours: World) -> None:
    for row in API:
        with undone():
            api = program(ours.clinic.practice, *(set(SCOPES) - {row.scope}))
            for which in (ours.ids.get, lambda kind: uuid4()):
                answer = send(api, row, ours, address(row, ours, which))
                assert (answer.status_code, answer.json()["code"]) == (403, "not_allowed"), name_of(row)


def test_another_practice_s_and_missing_objects_are_the_same_bytes(ours: World, theirs: World) -> None:
    for row in API:
        if "<" not in row.route:
            continue
        with undone():
            prepare(row, theirs)
            api = program(ours.clinic.practice)
            foreign = send(api, row, ours, address(row, ours, theirs.ids.get))
            missing = send(api, row, ours, address(row, ours, lambda kind: uuid4()))
            assert foreign.status_code == missing.status_code == 404, (name_of(row), foreign.content)
            assert foreign.content == missing.content, name_of(row)
            counted = {"X-Request-ID", "RateLimit"}
            told = [{k: v for k, v in answer.items() if k not in counted} for answer in (foreign, missing)]
            assert told[0] == told[1], name_of(row)


def test_lists_hold_nothing_of_another_practice(ours: World, theirs: World) -> None:
    foreign = {str(one) for one in theirs.ids.values()}
    for row in API:
        if row.method == "GET" and row.route.endswith("/") and "<" not in row.route:
            answer = send(program(ours.clinic.practice), row, ours, address(row, ours, ours.ids.get))
            assert answer.status_code == 200
            assert not any(one in answer.content.decode() for one in foreign), name_of(row)


def test_nobody_and_no_session_reaches_the_api(ours: World) -> None:
    staff = {"front_desk": ours.clinic.front_desk, "prescriber": ours.clinic.prescriber}
    staff |= {"therapist": ours.clinic.therapists[0], "practice_admin": ours.admin}
    assert set(staff) == set(ROLES)
    callers = [Api()]
    for person in staff.values():
        caller = Api()
        caller.http.force_login(person)
        callers.append(caller)
    for row in API:
        for caller in callers:
            for which in (ours.ids.get, lambda kind: uuid4()):
                answer = send(caller, row, ours, address(row, ours, which))
                assert answer.status_code == 401, name_of(row)


def test_what_is_not_in_the_table_is_not_possible(ours: World) -> None:
    api = program(ours.clinic.practice)
    offered: dict[str, set[str]] = {}
    for row in API:
        offered.setdefault(row.route, set()).add(row.method)
    for route, methods in offered.items():
        row = next(row for row in API if row.route == route)
        for method in set(METHODS) - methods:
            answer = api.send(method, address(row, ours, ours.ids.get), {})
            assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed"), (method, route)


# --- pages ----------------------------------------------------------------------------------------------
def page_address(page: Page, value: object) -> str:
    found = re.sub(r"<uuid:\w+>", str(value), page.route)
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


def test_staff_see_their_practice_and_do_what_their_role_may(ours: World, theirs: World) -> None:
    for role, browser in browsers(ours).items():
        for page in PAGES:
            with undone():
                answer = visit_page(browser, page, ours.ids.get(page.kind))
                assert answer.status_code == page.roles[role], (role, page, answer.content[-2000:])


def test_staff_of_another_practice_see_nothing_of_it(ours: World, theirs: World) -> None:
    foreign = {str(one) for one in theirs.ids.values()}
    for role, browser in browsers(ours).items():
        for page in PAGES:
            with undone():
                if not page.kind:
                    listed = visit_page(browser, page, "").content.decode()
                    assert not any(one in listed for one in foreign), (role, page)
                    continue
                other = visit_page(browser, page, theirs.ids[page.kind])
                missing = visit_page(browser, page, uuid4())
                assert other.status_code == missing.status_code == 404, (role, page)
                assert other.content == missing.content, (role, page)


def test_nobody_is_sent_to_sign_in_and_a_token_opens_no_page(ours: World) -> None:
    api = program(ours.clinic.practice)
    for page in PAGES:
        for headers in ({}, {"headers": {"Authorization": f"Bearer {api.token}"}}):
            for value in (ours.ids.get(page.kind), uuid4()):
                answer = visit_page(Client(raise_request_exception=False), page, value, **headers)
                assert answer.status_code == 302, page
                assert answer["Location"].startswith("/accounts/sign-in/"), page


def test_what_is_open_to_everybody(ours: World) -> None:
    token = {"Authorization": f"Bearer {program(ours.clinic.practice).token}"}
    for (method, route), (stranger, with_token, staff) in OPEN.items():
        signed_in = Client()
        signed_in.force_login(ours.clinic.front_desk)
        answers = [
            Client().generic(method, f"/{route}"),
            Client().generic(method, f"/{route}", headers=token),
            signed_in.generic(method, f"/{route}"),
        ]
        assert [answer.status_code for answer in answers] == [stranger, with_token, staff], route
