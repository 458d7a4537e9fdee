"""Hostile links: whatever is wrong with one, the same neutral page, and nothing is changed."""

import io
import logging
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import structlog
from django.test import Client
from django.utils import timezone

from scheduling.booking.writing import links
from scheduling.models import Appointment, PatientLink
from tests import factories
from tests.web.conftest import World
from tests.web.patient.conftest import BORN, of, path_of, post, prove, text_of
from tests.web.test_every_page import rows

ALPHABET = links.ALPHABET
WHATS = ("confirm", "cannot-come", "open", "close", "move", "cancel", "ride", "messages", "language")


def swapped(token: str) -> str:
    return token[1] + token[0] + token[2:] if token[0] != token[1] else token[::-1]


TAMPERED: dict[str, Callable[[str], str]] = {
    "one letter more": lambda token: token + "x",
    "one letter less": lambda token: token[:-1],
    "another last letter": lambda token: token[:-1] + ALPHABET[ALPHABET.index(token[-1]) - 1],
    "another first letter": lambda token: ALPHABET[ALPHABET.index(token[0]) - 1] + token[1:],
    "two letters swapped": swapped,
    "upside down": lambda token: token[::-1],
    "in capitals": lambda token: token.upper() if token != token.upper() else token.lower(),
    "in small letters": lambda token: token.lower(),
    "with a full stop": lambda token: token + ".",
    "with a zero byte": lambda token: token[:-1] + "%00",
    "with a space": lambda token: token + "%20",
    "with a wider letter": lambda token: token[:-1] + "%EF%BC%A1",
    "with an Arabic digit": lambda token: token[:-1] + "%D9%A1",
    "with a line": lambda token: token[:11] + "%0A" + token[11:],
    "its hash": lambda token: links._hash(token),
    "its link's id": lambda token: str(PatientLink.objects.get(token_hash=links._hash(token)).pk),
    "its visit's id": lambda token: str(
        PatientLink.objects.get(token_hash=links._hash(token)).appointment_id
    ),
    "all one letter": lambda token: "0" * 22,
    "a wildcard": lambda token: "%25" * 22,
    "SQL": lambda token: "'%20OR%201=1--".ljust(22, "x"),
    "a path": lambda token: "..%2F..%2Fetc%2Fpasswd",
    "very long": lambda token: "a" * 5000,
}


def is_neutral(answer: Any) -> bool:
    told = text_of(answer)
    return answer.status_code == 404 and ("not valid any more" in told or "There is nothing here" in told)


@pytest.mark.parametrize("how", TAMPERED)
def test_a_tampered_link_opens_nothing_and_changes_nothing(
    http: Client,
    path: str,
    visit: Appointment,
    how: str,
) -> None:
    prove(http, path)
    token = TAMPERED[how](path.removeprefix("/v/"))
    before = rows()
    assert is_neutral(http.get(f"/v/{token}")), how
    for what in WHATS:
        assert is_neutral(post(http, f"/v/{token}", what, birth_date=BORN, reason_code="cost", name="A")), (
            what
        )
    assert rows() == before
    assert of(visit).version == visit.version


def cancelled_in_error(link: PatientLink) -> None:
    Appointment.objects.filter(pk=link.appointment_id).update(status="entered_in_error")


def revoked(link: PatientLink) -> None:
    PatientLink.objects.filter(pk=link.pk).update(revoked_at=timezone.now())


def over(link: PatientLink) -> None:
    now = timezone.now()
    Appointment.objects.filter(pk=link.appointment_id).update(start=now - timedelta(hours=3), end=now)


@pytest.mark.parametrize("how", [cancelled_in_error, revoked, over])
def test_a_dead_link_does_nothing_any_more(
    http: Client,
    path: str,
    visit: Appointment,
    how: Callable[[PatientLink], None],
) -> None:
    prove(http, path)
    how(PatientLink.objects.get(appointment=visit))
    before = rows()
    answers = [http.get(path), http.get(f"{path}/times"), http.get(f"{path}/visit.ics")]
    answers += [post(http, path, what, birth_date=BORN, reason_code="cost") for what in WHATS]
    assert all(is_neutral(answer) for answer in answers)
    assert len({text_of(answer) for answer in answers}) == 1
    assert rows() == before


def test_a_form_needs_its_token(path: str, visit: Appointment) -> None:
    strict = Client(enforce_csrf_checks=True)
    strict.get(path)
    before = rows()
    for what in (*WHATS, "again"):
        for headers in ({}, {"Origin": "null"}, {"Origin": "https://evil.example"}):
            assert post_with(strict, path, what, headers).status_code == 403, what
    assert rows() == before
    token = strict.cookies["csrftoken"].value
    form = {"csrfmiddlewaretoken": token}
    assert strict.post(f"{path}/confirm", form, headers={"Origin": "https://evil.example"}).status_code == 403
    assert of(visit).status == "booked"
    assert strict.post(f"{path}/confirm", form, headers={"Origin": "null"}).status_code == 303
    assert of(visit).status == "confirmed"


def post_with(client: Client, path: str, what: str, headers: dict[str, str]) -> Any:
    return client.post(f"{path}/{what}", {"birth_date": BORN}, headers=headers)


def test_the_proof_of_another_patient_opens_nothing(world: World, path: str) -> None:
    """Two patients at one telephone: each link asks for its own birth date."""
    mine = Client()
    prove(mine, path)
    other = factories.patient(world.clinic.site)
    row = world.visit("dose-3")
    Appointment.objects.filter(pk=row.pk).update(patient=other, course=None, phase=None, follows=None)
    theirs = path_of(row)
    assert "date of birth" in text_of(mine.get(theirs))
    assert post(mine, theirs, "cancel", reason_code="cost").status_code == 403
    assert of(row).status == "booked"


def test_a_session_key_given_by_somebody_else_is_not_kept(path: str) -> None:
    fixed = Client()
    prove(fixed, path)
    first = fixed.cookies["session"].value
    victim = Client()
    victim.cookies["session"] = first
    prove(victim, path)
    assert victim.cookies["session"].value != first


def test_the_table_holds_no_token(visit: Appointment) -> None:
    token = links.address(visit_id=visit.pk).rpartition("/")[2]
    assert all(token not in str(row) for row in PatientLink.objects.values())


def test_no_token_and_no_birth_date_comes_into_a_log(http: Client, path: str) -> None:
    formatted = (
        one
        for one in logging.getLogger().handlers
        if isinstance(one, logging.StreamHandler)
        and isinstance(one.formatter, structlog.stdlib.ProcessorFormatter)
    )
    handler, told = next(formatted), io.StringIO()
    before = handler.setStream(told)
    try:
        prove(http, path)
        for where in (path, f"{path}/times", f"{path}x", f"{path}/nothing", f"{path}/visit.ics"):
            http.get(where)
            http.post(where)
        Client(enforce_csrf_checks=True).post(f"{path}/confirm")
    finally:
        handler.setStream(before)
    assert "v/<str:token>" in told.getvalue()
    assert path.removeprefix("/v/") not in told.getvalue()
    assert BORN not in told.getvalue()
