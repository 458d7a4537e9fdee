"""One patient's link, a few days before the visit that it opens."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client

from patients.models import Patient
from scheduling.booking.writing import links
from scheduling.models import Appointment
from tests.web.conftest import World

BORN = "1980-05-04"


def path_of(visit: Appointment) -> str:
    return "/v/" + links.address(visit_id=visit.pk).rpartition("/")[2]


@pytest.fixture
def path(world: World) -> Iterator[str]:
    """The link of the second dose, two days before it."""
    visit = world.visit("dose-2")
    Patient.objects.filter(pk=world.clinic.patient.pk).update(birth_date=BORN)
    with time_machine.travel(visit.start - timedelta(days=2)):
        yield path_of(visit)


@pytest.fixture
def visit(world: World, path: str) -> Appointment:
    return world.visit("dose-2")


@pytest.fixture
def http(path: str) -> Client:
    return Client()


def post(http: Client, path: str, what: str, **form: Any) -> Any:
    return http.post(f"{path}/{what}", form)


def prove(http: Client, path: str) -> None:
    assert post(http, path, "open", birth_date=BORN).status_code == 303


def text_of(answer: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def of(visit: Appointment) -> Appointment:
    return Appointment.objects.get(pk=visit.pk)
