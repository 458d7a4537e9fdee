"""Every address × {nobody, each role, programs with and without the scope, another practice} × {own,
another's, missing}."""

import re
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from tests.api import access, matrix
from tests.api.access import API, Row, World
from tests.api.access_pages import OPEN, PAGES, ROLES
from tests.api.conftest import Api, program

pytestmark = pytest.mark.django_db
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@pytest.fixture
def ours(db: None) -> World:
    return access.build()


@pytest.fixture
def theirs(db: None) -> World:
    return access.build()


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
    named = {"id": "id", "consent": "consent_id", "point": "point_id", "delivery": "delivery"}
    route = row.route
    for name, argument in named.items():
        route = route.replace(f"<{name}>", f"<uuid:{argument}>")
    return f"api/v1/{route}"


def test_every_address_is_in_the_tables() -> None:
    listed = {pattern_of(row) for row in API} | {page.route for page in PAGES} | {route for _, route in OPEN}
    assert routes() == listed


# --- the API --------------------------------------------------------------------------------------------
def test_programs_reach_their_own_with_the_scope_alone(ours: World, theirs: World) -> None:
    matrix.check_own(API, ours, theirs)


def test_programs_without_the_scope_reach_nothing(ours: World) -> None:
    matrix.check_scopes(API, ours)


def test_another_practice_s_and_missing_objects_are_the_same_bytes(ours: World, theirs: World) -> None:
    matrix.check_foreign(API, ours, theirs)


def test_lists_hold_nothing_of_another_practice(ours: World, theirs: World) -> None:
    matrix.check_lists(API, ours, theirs)


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
        body = ours.body(row.body)
        for caller in callers:
            for which in (ours.ids.get, matrix.missing):
                answer = matrix.send(caller, row, matrix.address(row, ours, which), body)
                assert answer.status_code == 401, matrix.name_of(row)


def test_what_is_not_in_the_table_is_not_possible(ours: World) -> None:
    api = program(ours.clinic.practice)
    offered: dict[str, set[str]] = {}
    for row in API:
        offered.setdefault(row.route, set()).add(row.method)
    for route, methods in offered.items():
        row = next(row for row in API if row.route == route)
        for method in set(METHODS) - methods:
            answer = api.send(method, matrix.address(row, ours, ours.ids.get), {})
            assert (answer.status_code, answer.json()["code"]) == (405, "method_not_allowed"), (method, route)


# --- pages ----------------------------------------------------------------------------------------------
def test_staff_see_their_practice_and_do_what_their_role_may(ours: World, theirs: World) -> None:
    matrix.check_roles(PAGES, ours)


def test_staff_of_another_practice_see_nothing_of_it(ours: World, theirs: World) -> None:
    matrix.check_foreign_pages(PAGES, ours, theirs)


def test_nobody_is_sent_to_sign_in_and_a_token_opens_no_page(ours: World) -> None:
    api = program(ours.clinic.practice)
    for page in PAGES:
        for headers in ({}, {"headers": {"Authorization": f"Bearer {api.token}"}}):
            for value in (ours.ids.get(page.kind), uuid4()):
                answer = matrix.visit_page(Client(raise_request_exception=False), page, value, **headers)
                assert answer.status_code == 302, page
                assert answer["Location"].startswith("/accounts/sign-in/"), page


def test_what_is_open_to_everybody(ours: World) -> None:
    token = {"Authorization": f"Bearer {program(ours.clinic.practice).token}"}
    for (method, route), (stranger, with_token, staff) in OPEN.items():
        signed_in = Client()
        signed_in.force_login(ours.clinic.front_desk)
        path = f"/{re.sub('<uuid:[a-z_]+>', str(uuid4()), route)}"
        answers = [
            Client().generic(method, path),
            Client().generic(method, path, headers=token),
            signed_in.generic(method, path),
        ]
        assert [answer.status_code for answer in answers] == [stranger, with_token, staff], route
