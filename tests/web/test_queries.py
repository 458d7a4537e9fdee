"""What a page asks of the database does not grow with what is in it: on every page, three times the rows."""

import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from clinic.practice import reads
from notifications.models import Attempt, Message, Trial
from patients.models import (
    Escort,
    ExternalIdentifier,
    Measure,
    MeasureForm,
    MergedPatient,
    Patient,
)
from scheduling.booking.own import feeds
from scheduling.booking.waiting import waitlist
from scheduling.models import (
    Absence,
    AppointmentIdentifier,
    CourseReview,
    ExternalVisit,
    FollowUpGap,
    GroupSession,
    RuleOverride,
)
from scheduling.web import shown
from tests import factories
from tests.scheduling.booking import booked
from tests.web.conftest import ROLES, World, signed_in
from tests.web.crowd import PLACE, Crowd
from tests.web.patient.conftest import BORN, path_of, prove
from tests.web.test_every_page import pages

# Pages in another of their states, or that only an answer leads to.
ASKED = (
    "/day/?by=rooms",
    "/day/?view=week",
    "/day/?view=week&by=rooms",
    "/follow-ups/?show=unbooked",
    "/follow-ups/?show=snoozed",
    "/messages/?show=all",
    "/messages/?show=waiting",
    "/accounts/people/",
    "/accounts/factors/",
)
# Of the pages, how often each statement was sent, its values aside.
Counts = dict[str, Counter[str]]
VALUES = re.compile(r"'[^']*'(::\w+(\[\])?)?|\b\d+\b|\"s\d+_x\d+\"|SELECT .*? FROM |(?<=\?), \?")


def shape(statement: str) -> str:
    """The statement without its columns and values, short enough to read."""
    return VALUES.sub("?", VALUES.sub("?", statement))[:200]


@dataclass
class Reader:
    """Somebody who opens pages and counts what each asks of the database."""

    client: Client
    paths: list[str]
    posted: dict[str, dict[str, str]] = field(default_factory=dict)

    def open(self, path: str) -> None:
        form = self.posted.get(path)
        answer = self.client.get(path) if form is None else self.client.post(path, form)
        assert answer.status_code == 200, (path, answer.status_code)

    def counts(self) -> Counts:
        """The statements of each page, once what a process keeps is kept."""
        found = {}
        # The clock stands: twice a minute a session is written, on whichever page that is.
        with time_machine.travel(timezone.now(), tick=False):
            for path in self.paths:
                self.open(path)
                with CaptureQueriesContext(connection) as seen:
                    self.open(path)
                found[path] = Counter(shape(one["sql"]) for one in seen)
        return found


def more(few: Counts, many: Counts) -> dict[str, list[str]]:
    """The pages that asked for more, with what they asked for."""
    return {
        path: sorted((many[path] - asked).elements())
        for path, asked in few.items()
        if many[path].total() > asked.total()
    }


def a_bit_of_everything(world: World) -> Absence:
    """A row of each kind that pages show and that a course booked by itself does not bring; answers
    with an absence in which somebody has visits.
    """
    clinic, now = world.clinic, world.now
    booked.move(clinic, world.dose.pk, "confirm", now=now)
    FollowUpGap.objects.filter(pk=world.gap.pk).update(flagged=True, severity="high")
    _of_the_patient(world)
    _of_the_course(world)
    _of_messages(world)
    _of_the_place(world)
    reads.record(actor=clinic.admin, route="a page", patient_ids=[clinic.patient.pk], now=now)
    return factories.absence(clinic.therapists[0], now - timedelta(hours=1), now + timedelta(days=5))


def _of_the_patient(world: World) -> None:
    patient, practice, now = world.clinic.patient, world.clinic.practice, world.now
    then = now - timedelta(days=40)
    scored = {"patient": patient, "code": "PHQ-9", "taken_at": then, "recorded_by": "x"}
    Measure.objects.create(**scored, score=20)
    MeasureForm.objects.create(
        patient=patient,
        course_id=world.course.pk,
        code="PHQ-9",
        unit=then.date(),
        asked_before=world.dose.pk,
        answers=[1],
        language="en",
        updated_at=then,
        sent_at=then,
        measure=Measure.objects.create(**scored, score=9),
    )
    Escort.objects.create(patient=patient, appointment_id=world.dose.pk, name="Somebody", confirmed_at=now)
    ExternalIdentifier.objects.create(practice=practice, patient=patient, system="ehr", value="1")
    told = {
        "given_name": "Test",
        "family_name": "Twice",
        "birth_date": date(1980, 1, 1),
        "reason": "The same.",
    }
    MergedPatient.objects.create(
        id=uuid4(), practice=practice, into=patient, **told, merged_at=now, merged_by="x"
    )
    wish = waitlist.Wish(patient.pk, "therapy", now, now + timedelta(days=100), mode="video")
    waitlist.add(actor=world.clinic.admin, wish=wish, now=now)


def _of_the_course(world: World) -> None:
    course, dose, now = world.course, world.dose, world.now
    AppointmentIdentifier.objects.create(
        practice=world.clinic.practice, appointment=dose, system="ehr", value="1"
    )
    RuleOverride.objects.create(
        course=course, appointment=dose, rule_id="S-01", reason="Told", author="x", at=now
    )
    CourseReview.objects.create(
        course=course, decision="continue", reason="Responds", decided_at=now, decided_by="x"
    )
    ExternalVisit.objects.create(gap=world.gap, attended_at=now, attested_at=now, attested_by="x")


def _of_messages(world: World) -> None:
    clinic, now = world.clinic, world.now
    said: dict[str, Any] = {"practice": clinic.practice, "kind": "reminder_24h", "channel": "sms"}
    failed = Message.objects.create(
        **said,
        patient=clinic.patient,
        dedupe_key="one that failed",
        subject_kind="appointment",
        subject_id=world.dose.pk,
        course_id=world.course.pk,
        due_at=now - timedelta(hours=1),
        useful_until=now,
        state="failed_final",
        state_reason="no_such_address",
        created_at=now,
        updated_at=now,
    )
    Attempt.objects.create(message=failed, number=1, begun_at=now)
    to = {"staff": clinic.front_desk, "language": "en", "to": "+12025550177"}
    Trial.objects.create(**said, **to, body="x", created_at=now)


def _of_the_place(world: World) -> None:
    clinic, dose = world.clinic, world.dose
    factories.delegation(clinic, world.now - timedelta(days=1))
    group = {"kind": "group_integration", "places": 4, "room": clinic.therapy_rooms[0]}
    GroupSession.objects.create(
        practice=clinic.practice, site=clinic.site, **group, start=dose.start, end=dose.end
    )


def staff_paths(world: World, away: Absence) -> list[str]:
    # Each message to come is asked what its sender will ask: tests/web/messages/test_coming.py bounds it.
    ahead = f"/courses/{world.course.pk}/messages/"
    return [
        *(path for path in pages(world) if path != ahead),
        *ASKED,
        f"/book/?patient={world.clinic.patient.pk}",
        f"/day/book/?start={world.dose.local_date}T16:00",
        f"/day/place/?site={world.clinic.site.pk}&start={world.dose.local_date}T10:00",
        f"/waitlist/?site={world.clinic.site.pk}&start={world.dose.local_date}T10:00",
        f"/courses/{world.course.pk}/changed/?since=0",
        f"/roster/?who={world.clinic.therapists[0].pk}",
        f"/access-log/?patient={world.clinic.patient.pk}",
        f"/set-up/absences/{away.pk}/",
        f"/set-up/absences/{away.pk}/give/",
    ]


@pytest.fixture
def away(world: World) -> Absence:
    return a_bit_of_everything(world)


@pytest.fixture
def client(world: World) -> Client:
    return signed_in(factories.staff(world.clinic.site, *ROLES))


@pytest.mark.timeout(300)
def test_no_page_of_staff_asks_more_when_there_is_more(world: World, away: Absence, client: Client) -> None:
    reader = Reader(client, staff_paths(world, away), {"/patients/": {"name": "Test"}})
    crowd = Crowd()
    assert crowd.grow(1) == []
    few = reader.counts()
    assert crowd.grow(2) == []
    assert more(few, reader.counts()) == {}


def test_a_move_asks_no_more_when_the_practice_has_more(world: World, client: Client) -> None:
    """Among more people and rooms; the plan of a course is looked for in memory."""
    second = world.visit("dose-2")
    at = f"/moves/{second.pk}/?start="
    paths = [
        f"{at}{second.local_date + timedelta(days=1)}T{second.local_time:%H:%M}",
        f"{at}{second.local_date}T10:00&with={world.visit('dose-3').pk}",
    ]
    reader, crowd = Reader(client, paths), Crowd()
    crowd.grow(1, [PLACE])
    few = reader.counts()
    crowd.grow(2, [PLACE])
    assert more(few, reader.counts()) == {}


def test_no_page_of_a_patient_asks_more_when_there_is_more(world: World, away: Absence) -> None:
    visit = world.visit("dose-2")
    Patient.objects.filter(pk=world.clinic.patient.pk).update(birth_date=BORN)
    feed = feeds.create(actor=world.clinic.admin, shows="site", of=world.clinic.site.pk, now=world.now)[1]
    with time_machine.travel(visit.start - timedelta(days=2)):
        path = path_of(visit)
        client = Client()
        prove(client, path)
        asked = re.search(rf"{path}/questions/\d", client.get(path).content.decode())
        assert asked
        own = [path, f"{path}?lang=es", f"{path}/times", f"{path}/visit.ics", asked[0]]
        reader, crowd = Reader(client, [*own, f"/calendar/{feed}.ics"]), Crowd()
        assert crowd.grow(1) == []
        few = reader.counts()
        assert crowd.grow(2) == []
        assert more(few, reader.counts()) == {}


def test_a_page_that_asks_once_a_row_is_caught(
    world: World, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = shown.visit_line

    def asks(**given: Any) -> shown.VisitLine:
        Patient.objects.get(pk=given["visit"].patient.id)
        return line(**given)

    monkeypatch.setattr(shown, "visit_line", asks)
    reader, crowd = Reader(client, ["/roster/", "/messages/"]), Crowd()
    few = reader.counts()
    crowd.grow(1)
    assert [*more(few, reader.counts())] == ["/roster/"]
