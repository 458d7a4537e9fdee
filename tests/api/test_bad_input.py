"""Whatever is sent, the answer is a 4xx that points to the field, and nothing is written."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.utils import timezone

from tests import factories
from tests.api import database
from tests.api.conftest import Api
from tests.api.test_courses import book, proposals

pytestmark = pytest.mark.django_db


def refused(answer: Any, *fields: str, code: str = "invalid", status: int = 400) -> None:
    told = answer.json()
    assert (answer.status_code, told["code"]) == (status, code), answer.content
    assert answer["Content-Type"] == "application/problem+json"
    if fields:
        assert set(fields) <= set(told["fields"]), told


# --- bodies that are no JSON, or too much of it ----------------------------------------------------------
RAW = {
    "nothing": (b"", 400),
    "not json": (b"{", 400),
    "text": (b"hello", 400),
    "two values": (b"{} {}", 400),
    "ten megabytes": (b'{"name": "' + b"x" * 10_000_000 + b'"}', 413),
    "ten megabytes of zeros": (b"[" + b"0," * 5_000_000 + b"0]", 413),
    "depth of a thousand": (b'{"a":' * 1000 + b"1" + b"}" * 1000, 400),
    "depth of a hundred thousand": (b"[" * 100_000, 400),
    "nul": (b'{"name": "a\\u0000b", "time_zone": "UTC"}', 400),
    "nul byte": (b'{"name": "a\x00b", "time_zone": "UTC"}', 400),
    "nul in a key": (b'{"na\\u0000me": 1}', 400),
    "high surrogate": (b'{"name": "a\\ud800", "time_zone": "UTC"}', 400),
    "low surrogate": (b'{"name": "\\udc00a", "time_zone": "UTC"}', 400),
    "not utf-8": (b'{"name": "\xff\xfe", "time_zone": "UTC"}', 400),
    "utf-16": ('{"name": "a"}'.encode("utf-16"), 400),
    "NaN": (b'{"name": NaN, "time_zone": "UTC"}', 400),
    "Infinity": (b'{"grid_minutes": Infinity}', 400),
    "minus Infinity": (b'{"grid_minutes": -Infinity}', 400),
    "1e400": (b'{"grid_minutes": 1e400}', 400),
    "a number of a million digits": (b'{"grid_minutes": ' + b"9" * 900_000 + b"}", 400),
    "int64 and one": (b'{"grid_minutes": 9223372036854775809}', 400),
    "a key twice": (b'{"name": "a", "name": "b", "time_zone": "UTC"}', 400),
    "null": (b"null", 400),
    "list": (b"[]", 400),
    "number": (b"1", 400),
    "true": (b"true", 400),
    "string": (b'"a"', 400),
}


@pytest.mark.parametrize("address", ["sites/", "protocols/", "courses/", "courses/propose/"])
def test_what_is_not_an_acceptable_body(api: Api, address: str) -> None:
    before = database.counts()
    for name, (raw, status) in RAW.items():
        answer = api.send("POST", address, raw=raw, idempotency_key="k")
        refused(answer, status=status, code="too_large" if status == 413 else "invalid")
        assert answer.json()["fields"], name
        assert len(answer.content) < 5000, "the body is not repeated"
    assert database.counts() == before


def test_the_body_is_never_repeated(api: Api) -> None:
    answer = api.send("POST", "patients/", raw=b'{"given_name": "Wilhelmina", "broken')
    assert b"Wilhelmina" not in answer.content


# --- every writing address, with every wrong type --------------------------------------------------------
def writing_addresses() -> list[tuple[str, str]]:
    document = json.loads(Client().get("/api/schema/").content)
    return [
        (method.upper(), path)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method in {"post", "put", "patch"} and "requestBody" in operation
    ]


def test_every_writing_address_refuses_every_wrong_form(api: Api, clinic: factories.Clinic) -> None:
    course = book(api, clinic).json()
    rows = {
        "practices": clinic.practice.pk,
        "sites": clinic.site.pk,
        "rooms": clinic.chairs[0].pk,
        "practitioners": clinic.monitor.pk,
        "protocols": clinic.version.template_id,
        "patients": clinic.patient.pk,
        "courses": course["id"],
        "appointments": course["visits"][0]["id"],
        "gaps": course["gaps"][0]["id"],
    }
    wrong = [b"[]", b"[1]", b'"text"', b"7", b"true", b"null", b"{", b'{"no_such_field": 1}']
    before = database.counts()
    for method, path in writing_addresses():
        resource = path.split("/")[3]
        address = path.replace("{id}", str(rows.get(resource, uuid4()))).replace("{consent_id}", str(uuid4()))
        for body in wrong:
            if resource == "protocols" and b"no_such_field" in body and method == "PATCH":
                continue  # a protocol keeps what it does not know
            answer = api.send(method, address, raw=body, idempotency_key=str(uuid4()), if_match='"1"')
            assert 400 <= answer.status_code < 500, (method, path, body, answer.content)
            if answer.status_code == 400:
                assert answer.json()["fields"], (method, path, body)
    assert database.counts() == before


# --- values --------------------------------------------------------------------------------------------
def patient_body(clinic: factories.Clinic, **changes: Any) -> dict[str, Any]:
    body = {
        "given_name": "Test",
        "family_name": "Person",
        "birth_date": "1990-01-01",
        "site": str(clinic.site.pk),
    }
    return body | changes


PATIENT: dict[str, list[Any]] = {
    "given_name": [1, True, None, [], {}, "", " ", "x" * 101, " " + "x" * 100, "a\x07b"],
    "birth_date": [
        19900101,
        "1990-13-01",
        "1990-02-30",
        "0001-01-01",
        "9999-12-31",
        "2090-01-01",
        "1990-01-01T00:00:00Z",
        "1 Jan 1990",
        "\u0662\u0660\u0660\u0660-\u0660\u0661-\u0660\u0661",
    ],
    "phone": ["12", "not a phone", "+1 555", "+1202555010012345", 12025550100, "+" * 30],
    "email": ["nobody", "a@b", "a b@example.com", "a@example.com\nBcc: b@example.com", 5],
    "time_zone": ["Mars/Olympus", "EST5EDT6", "../etc/passwd", "UTC+3", 3],
    "language": ["xx", 1, "EN"],
    "site": [1, "here", "", None, str(uuid4())],
    "no_messages": ["yes", 1, None],
    "external_ids": ["x", {}, [1], [{"system": "a"}], [{"system": "a", "value": 1}]],
}


@pytest.mark.parametrize("field", PATIENT)
def test_a_patient_s_fields(api: Api, clinic: factories.Clinic, field: str) -> None:
    before = database.counts()
    for value in PATIENT[field]:
        answer = api.post("patients/", patient_body(clinic, **{field: value}))
        refused(answer)
        told = answer.json()["fields"]
        assert all(name == field or name.startswith(f"{field}.") for name in told), (value, told)
    assert database.counts() == before


INSTANTS = [
    "2026-12-01T09:00:00",
    "2026-12-01",
    "2026-12-01T09:00",
    "2026-12-01T24:00:00Z",
    "2026-12-01T09:00:60Z",
    "2026-02-30T09:00:00Z",
    "2026-12-01T09:00:00+15:00",
    "2026-12-01T09:00:00+05:75",
    "0001-01-01T00:00:00Z",
    "9999-12-31T23:59:59Z",
    "9999-12-31T23:59:59-14:00",
    "0001-01-01T00:00:00+14:00",
    "20261201T090000Z",
    "2026-W49-2T09:00:00Z",
    "tomorrow",
    "",
    1_800_000_000,
    True,
    [],
]


def test_a_time_is_one_instant(api: Api, clinic: factories.Clinic) -> None:
    before = database.counts()
    for value in INSTANTS:
        body = {"site": str(clinic.site.pk), "starts_at": value, "ends_at": "2026-12-02T00:00:00Z"}
        refused(api.post("closures/", body), "starts_at")
        if isinstance(value, str) and value:
            query = value.replace("+", "%2B")
            refused(api.get(f"closures/?start_from={query}"), "start_from")
    assert database.counts() == before


def test_a_time_without_an_offset_is_told_what_it_lacks(api: Api, clinic: factories.Clinic) -> None:
    answer = api.get("appointments/?start_from=2026-12-01T09:00:00")
    assert "no offset" in answer.json()["fields"]["start_from"][0]


@pytest.mark.parametrize("offset", ["+14:00", "-12:00", "Z", "z", "-00:00", "+05:45"])
def test_every_offset_on_earth_is_taken(api: Api, clinic: factories.Clinic, offset: str) -> None:
    body = {
        "site": str(clinic.site.pk),
        "starts_at": f"2026-12-01T09:00:00.123456789{offset}",
        "ends_at": f"2026-12-01t10:00:00{offset}",
    }
    assert api.post("closures/", body).status_code == 201


def test_the_end_comes_after_the_start(api: Api, clinic: factories.Clinic) -> None:
    site = str(clinic.site.pk)
    later, earlier = "2026-12-02T00:00:00Z", "2026-12-01T00:00:00Z"
    for end in (earlier, later):
        refused(api.post("closures/", {"site": site, "starts_at": later, "ends_at": end}), "ends_at")
    hours = [{"weekday": 1, "opens": "12:00", "closes": "09:00"}]
    refused(api.post("sites/", {"name": "A", "time_zone": "UTC", "hours": hours}), "hours.0.closes")
    start = (timezone.now() + timedelta(days=8)).isoformat()
    visit = {"patient": str(clinic.patient.pk), "kind": "screening", "start": start, "end": start}
    refused(api.post("appointments/", visit), "end")
    refused(api.get(f"availability/?site={site}&start_from={later}&start_before={earlier}"), "start_before")


PROTOCOLS: list[tuple[Callable[[dict[str, Any]], Any], str]] = [
    (lambda one: one["phases"][0].update(interval_min_days=9, interval_max_days=2), "phases"),
    (lambda one: one["plan"]["follow_up"]["window_hours"].update(min=100, max=20), "plan.follow_up"),
    (lambda one: one["plan"]["follow_up"]["window_hours"].update(min=-10, max=20), "plan.follow_up"),
    (lambda one: one["plan"]["follow_up"]["window_hours"].update(max="many"), "plan.follow_up"),
    (
        lambda one: one["plan"].update(staff=[{"role": "monitor", "presence": "shared", "patients": 5}]),
        "plan.staff",
    ),
    (lambda one: one["plan"].update(block_minutes={"check_in": -1}), "plan.block_minutes"),
    (lambda one: one.update(phases="all"), "phases"),
    (lambda one: one.update(phases=[]), "phases"),
    (lambda one: one.update(phases=[1]), "phases"),
    (lambda one: one.update(key=""), "key"),
    (lambda one: one.update(key=7), "key"),
    (lambda one: one.update(plan="later"), "plan"),
    (lambda one: one.pop("name"), "name"),
    (lambda one: one.update(note="x" * 300_000), "document"),
]


def test_a_protocol_that_cannot_hold(api: Api) -> None:
    before = database.counts()
    for change, field in PROTOCOLS:
        entry = factories.document("kap_sublingual_im")
        change(entry)
        answer = api.post("protocols/", entry)
        refused(answer)
        assert all(name.startswith(field) for name in answer.json()["fields"]), answer.json()
    assert database.counts() == before


def test_a_window_that_can_never_fit_is_unplannable_and_says_why(api: Api, clinic: factories.Clinic) -> None:
    entry = factories.document()
    entry["key"] = "impossible"
    entry["plan"]["follow_up"]["window_hours"] = {
        "min": 1,
        "ideal_from": 1,
        "ideal_to": 1,
        "max": 1,
        "grace": 2,
    }
    entry["plan"]["follow_up"]["not_same_day"] = True
    assert api.post("protocols/", entry).status_code == 201
    before = database.counts()
    answer = proposals(api, clinic, protocol="impossible")
    refused(answer, code="unplannable", status=422)
    rules = answer.json()["rules"]
    assert rules
    assert all(rule["rule"] and rule["message"] for rule in rules)
    assert database.counts() == before


def hours(value: Any) -> dict[str, Any]:
    override = {"rule_id": "window", "reason": "x", "visit": "dose-1", "value": {"max_hours": value}}
    return {"overrides": [override]}


PROPOSALS: list[tuple[dict[str, Any], str]] = [
    ({"start_on_or_after": "9999-12-31"}, "start_on_or_after"),
    ({"start_on_or_after": "0001-01-01"}, "start_on_or_after"),
    ({"start_on_or_after": "2095-01-01"}, "start_on_or_after"),
    ({"start_on_or_after": None}, "start_on_or_after"),
    ({"protocol": "nothing_like_it"}, "protocol"),
    ({"protocol": str(uuid4())}, "protocol"),
    ({"protocol": ["a"]}, "protocol"),
    ({"patient": str(uuid4())}, "patient"),
    ({"through_phase": "the end"}, "through_phase"),
    ({"alternatives": 100}, "alternatives"),
    ({"alternatives": "3"}, "alternatives"),
    ({"preferences": []}, "preferences"),
    ({"preferences": {"weekdays": [0]}}, "preferences.weekdays.0"),
    ({"preferences": {"weekdays": "Monday"}}, "preferences.weekdays"),
    ({"preferences": {"time_of_day": "noonish"}}, "preferences.time_of_day"),
    ({"preferences": {"time_of_day": {"from": "17:00", "to": "09:00"}}}, "preferences.time_of_day"),
    ({"preferences": {"time_of_day": {"from": "25:00", "to": "26:00"}}}, "preferences.time_of_day"),
    ({"preferences": {"site": str(uuid4())}}, "preferences.site"),
    ({"preferences": {"therapist": str(uuid4())}}, "preferences.therapist"),
    ({"preferences": {"colour": "red"}}, "preferences.colour"),
    ({"preferences": {"notice_minutes": -1}}, "preferences.notice_minutes"),
    ({"preferences": {"notice_minutes": 40_321}}, "preferences.notice_minutes"),
    ({"preferences": {"notice_minutes": "an hour"}}, "preferences.notice_minutes"),
    ({"preferences": {"hard_limits": {"not_before": "soon"}}}, "preferences.hard_limits.not_before"),
    ({"overrides": [{"rule_id": "window"}]}, "overrides.0.reason"),
    (hours("x"), "overrides.0.value.max_hours"),
    (hours(1e300), "overrides.0.value.max_hours"),
]


def test_what_cannot_be_proposed(api: Api, clinic: factories.Clinic) -> None:
    before = database.counts()
    for body, field in PROPOSALS:
        answer = proposals(api, clinic, **body)
        refused(answer)
        assert any(name.startswith(field) for name in answer.json()["fields"]), answer.json()
    assert database.counts() == before


def test_a_proposal_that_is_none(api: Api, clinic: factories.Clinic) -> None:
    token = proposals(api, clinic).json()["proposals"][0]["token"]
    before = database.counts()
    for wrong in ("made up", token[:-3] + "abc", token[5:]):
        answer = api.post("courses/", {"proposal": wrong}, idempotency_key="k")
        refused(answer, status=409, code="proposal_expired")
    for body, field in (
        ({"proposal": token, "patient": str(clinic.patient.pk)}, "patient"),
        ({"proposal": token, "skip": ["dose-99"]}, "skip"),
        ({"proposal": 5}, "proposal"),
        ({}, "proposal"),
        ({"patient": str(clinic.patient.pk)}, "visits"),
        ({"hold": str(uuid4())}, "hold"),
    ):
        refused(api.post("courses/", body, idempotency_key="k"), field)
    assert database.counts() == before
