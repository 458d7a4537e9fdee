"""The demo clinic: what a newcomer finds after one command."""

import io
import json
from collections import Counter
from datetime import UTC, datetime

import pytest
from django.contrib.auth import authenticate
from django.core.management import call_command

from clinic.practice import actor as actors
from clinic.practice import programs, work
from clinic.practice.models import IntegrationClient, Practice, Room, Site, StaffMember, WorkItem
from clinic.practice.models.staff import Role
from clinic.practice.permissions import SCOPES
from notifications.models import Inbound, Message
from patients.models import ContactPoint, Patient
from scheduling.booking.course import courses
from scheduling.booking.protocol import protocols
from scheduling.errors import Unplannable
from scheduling.management.demo import plans, stories
from scheduling.models import Appointment, FollowUpGap, Occupancy, TreatmentCourse
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def credentials(tmp_path):
    return tmp_path / "credentials.json"


def load(credentials, *options: str) -> str:
    """Load, and return what was said about anything left out."""
    told = io.StringIO()
    call_command("load_demo", *options, credentials_file=credentials, stdout=io.StringIO(), stderr=told)
    return told.getvalue()


def first() -> Practice:
    return Practice.objects.get(name=plans.HARBORLIGHT.name)


def sign_in(person: dict[str, str]) -> StaffMember | None:
    return authenticate(None, username=person["username"], password=person["password"])


def test_the_empty_demo_has_people_and_rooms_for_every_protocol_and_no_patients(credentials):
    load(credentials, "--empty")
    assert Practice.objects.count() == 1
    assert not Patient.objects.exists()
    actor = actors.system(practice_id=first().pk)
    kept = {one.template.key for one in protocols.protocols(actor=actor)}
    assert kept == set(factories.library_keys())
    held = {role for member in StaffMember.objects.all() for role in member.roles}
    assert held == {role.value for role in Role}
    asked = {kind for key in kept for kind in factories.document(key)["plan"]["room_kinds"]}
    assert asked <= set(Room.objects.values_list("kind", flat=True))


def test_every_protocol_can_be_planned_in_the_first_practice(credentials):
    load(credentials, "--empty")
    now = datetime.now(UTC)
    patient = factories.patient(Site.objects.get(name=plans.EAST))
    refused = {}
    for key in factories.library_keys():
        try:
            (found,) = courses.propose(
                actor=factories.admin(first()),
                patient_id=patient.pk,
                protocol_key=key,
                start_on_or_after=now.date(),
                alternatives=1,
                now=now,
            )
            assert any(visit.kind in ("dosing", "device") for visit in found.visits)
        except Unplannable as error:
            refused[key] = error.rules
    assert refused == {}


def test_the_credentials_open_the_doors_and_stay(credentials):
    load(credentials, "--empty")
    told = json.loads(credentials.read_text())
    assert credentials.stat().st_mode & 0o077 == 0
    assert all(len(person["password"]) >= 15 and sign_in(person) for person in told["staff"])
    client = IntegrationClient.objects.get(client_id=told["oauth"]["client_id"])
    assert (client.practice, set(client.allowed_scopes.split())) == (first(), set(SCOPES))
    load(credentials, "--empty")
    assert json.loads(credentials.read_text()) == told


def test_lost_credentials_are_made_anew(credentials):
    load(credentials, "--empty")
    lost = json.loads(credentials.read_text())
    credentials.unlink()
    load(credentials, "--empty")
    told = json.loads(credentials.read_text())
    assert told["oauth"]["client_id"] == lost["oauth"]["client_id"]
    assert all(sign_in(person) for person in told["staff"])
    assert not any(sign_in(person) for person in lost["staff"])
    actor = actors.system(practice_id=first().pk)
    assert programs.knows(
        actor=actor, client_id=told["oauth"]["client_id"], secret=told["oauth"]["client_secret"]
    )
    assert not programs.knows(
        actor=actor, client_id=lost["oauth"]["client_id"], secret=lost["oauth"]["client_secret"]
    )


# It plays two months of two clinics.
@pytest.mark.timeout(900)
def test_the_demo_shows_every_stage_and_a_second_run_adds_nothing(credentials):
    assert load(credentials) == ""
    assert Practice.objects.count() == 2
    assert Site.objects.values("time_zone").distinct().count() == 3
    assert StaffMember.objects.count() == 12
    assert Patient.objects.count() == 60
    _assert_stages()
    _assert_gaps()
    _assert_messages()
    _assert_answers()
    counted = _counts()
    load(credentials)
    assert _counts() == counted


def _assert_answers() -> None:
    meant = set(Inbound.objects.values_list("meaning", flat=True))
    assert meant == {"confirm", "change", "unclear"}
    waiting = WorkItem.objects.filter(done_at=None, kind__in=work.FROM_TEXTS)
    assert {"patient_text", "patient_asks_change"} <= set(waiting.values_list("kind", flat=True))


def _assert_stages() -> None:
    keys = set(TreatmentCourse.objects.values_list("protocol_version__template__key", flat=True))
    assert keys == set(stories.FIVE)
    assert {"active", "review_due", "stopped"} <= set(
        TreatmentCourse.objects.values_list("status", flat=True)
    )
    states = Counter(Appointment.objects.values_list("status", flat=True))
    assert all(states[state] for state in ("booked", "fulfilled", "cancelled", "no_show"))


def _assert_gaps() -> None:
    states = set(FollowUpGap.objects.values_list("status", flat=True))
    assert states == {"void", "waived", "closed", "covered", "prospective", "open", "lapsed"}
    assert FollowUpGap.objects.filter(status="closed", late=True).exists()
    assert FollowUpGap.objects.filter(status="open", booked_late=True).exists()
    assert FollowUpGap.objects.filter(attendance_unrecorded=True).exists()
    assert FollowUpGap.objects.filter(status="closed", external_visits__isnull=False).exists()


def _assert_messages() -> None:
    states = set(Message.objects.values_list("state", flat=True))
    assert {"planned", "accepted", "suppressed", "cancelled"} <= states
    # Whoever is messaged in the demo can only be invented.
    numbers = ContactPoint.objects.filter(channel="sms").values_list("value", flat=True)
    assert all(number[5:8] == "555" or number.startswith("+44207946") for number in numbers)
    addresses = ContactPoint.objects.filter(channel="email").values_list("value", flat=True)
    assert all(address.endswith("@example.com") for address in addresses)


def _counts() -> list[int]:
    return [
        table.objects.count()
        for table in (StaffMember, Patient, TreatmentCourse, Appointment, Occupancy, FollowUpGap, Message)
    ]
