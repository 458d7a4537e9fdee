"""Links come with the messages that carry them, and messages with links that open."""

from datetime import timedelta

import pytest
import time_machine
from django.test import Client
from pytest_django import Settings

from clinic.local.providers import SmsProvider, SmtpCatcher
from clinic.practice import actor as actors
from clinic.practice.errors import NotAllowed, NotFound
from notifications.models import Message
from scheduling.booking.intake import merging
from scheduling.booking.moving import moves
from scheduling.booking.moving.fitting import Wish
from scheduling.booking.openings import slots
from scheduling.booking.own import own_acts, own_slots
from scheduling.booking.visit import appointments, single
from scheduling.booking.waiting import waitlist
from scheduling.booking.writing import links
from scheduling.models import Appointment, PatientLink
from tests import factories
from tests.notifications import making
from tests.scheduling.booking import booked

pytestmark = pytest.mark.django_db
NOW = booked.NOW


@pytest.fixture
def clinic() -> factories.Clinic:
    return factories.small_clinic()


def as_patient(visit: Appointment) -> actors.Actor:
    return actors.patient(practice_id=visit.practice_id, patient_id=visit.patient_id)


def token_in(text: str) -> str:
    [word] = [word for word in text.split() if "/v/" in word]
    return word.rpartition("/")[2]


def test_a_booked_course_has_a_link_a_visit_in_one_statement(clinic: factories.Clinic) -> None:
    course = booked.book(clinic)
    visits = Appointment.objects.filter(course=course, start__gt=NOW)
    assert PatientLink.objects.filter(appointment__in=visits).count() == visits.count()
    assert len({links.address(visit_id=visit.pk) for visit in visits}) == visits.count()


def test_the_same_link_is_said_by_every_message_and_opens_the_visit(
    sms_provider: SmsProvider, smtp_catcher: SmtpCatcher
) -> None:
    someone = making.patient()
    visit = making.visit(someone, making.tomorrow())
    links.make(visits=[(visit.practice_id, visit.pk)], now=making.NOW)
    row = making.reminder(visit)
    assert making.deliver() == 1
    [sms] = sms_provider.inbox()
    token = token_in(sms["body"])
    assert sms["body"].endswith(
        f"Confirm or change: {links.address(visit_id=visit.pk)} or +12025550100. STOP to opt out."
    )
    with time_machine.travel(making.NOW):
        assert Client().get(f"/v/{token}").status_code == 200
    row.refresh_from_db()
    assert token not in row.sent_body
    assert "/v/..." in row.sent_body


def test_an_e_mail_says_it_too_and_keeps_nothing(smtp_catcher: SmtpCatcher) -> None:
    visit = making.visit(making.patient(), making.tomorrow())
    links.make(visits=[(visit.practice_id, visit.pk)], now=making.NOW)
    row = making.reminder(visit, channel="email")
    making.deliver()
    [email] = smtp_catcher.inbox()
    token = token_in(email["body"])
    assert links.find(token=token, now=making.NOW).visit.pk == visit.pk
    assert token not in Message.objects.get(pk=row.pk).sent_body


def test_a_former_key_makes_its_links_again_and_another_none(
    clinic: factories.Clinic, settings: Settings
) -> None:
    visit = booked.visit(booked.book(clinic), "dose-1")
    before = links.address(visit_id=visit.pk)
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "n" * 60
    assert links.address(visit_id=visit.pk) == before
    settings.SECRET_KEY_FALLBACKS = []
    assert links.address(visit_id=visit.pk) == ""
    token = before.rpartition("/")[2]
    assert links.find(token=token, now=NOW).visit.pk == visit.pk


def test_tokens_are_long_enough_and_all_different(clinic: factories.Clinic) -> None:
    assert len(links.ALPHABET) ** links.LENGTH > 2**128
    booked.book(clinic)
    tokens = {
        links.address(visit_id=pk).rpartition("/")[2]
        for pk in PatientLink.objects.values_list("appointment_id", flat=True)
    }
    assert all(len(token) == links.LENGTH for token in tokens)
    assert len({token[:4] for token in tokens}) == len(tokens)


def test_the_link_of_a_moved_visit_shows_where_it_stands(clinic: factories.Clinic) -> None:
    visit = booked.visit(booked.book(clinic), "dose-1")
    address = links.address(visit_id=visit.pk)
    start = visit.start + timedelta(hours=1)
    moves.apply(actor=clinic.admin, appointment_id=visit.pk, wish=Wish(start=start), now=NOW)
    assert links.address(visit_id=visit.pk) == address
    assert links.find(token=address.rpartition("/")[2], now=NOW).visit.start == start


def test_a_merge_takes_the_links_along(clinic: factories.Clinic) -> None:
    twin = factories.patient(clinic.site)
    course = booked.book(clinic, patient_id=twin.pk)
    address = links.address(visit_id=booked.visit(course, "dose-1").pk)
    merging.merge(
        actor=clinic.admin, survivor_id=clinic.patient.pk, duplicate_id=twin.pk, reason="twice", now=NOW
    )
    link = links.find(token=address.rpartition("/")[2], now=NOW)
    assert link.actor.id == clinic.patient.pk


def test_a_patient_reaches_no_visit_but_their_own(clinic: factories.Clinic) -> None:
    visit = booked.visit(booked.book(clinic), "dose-1")
    actor = actors.patient(practice_id=clinic.practice.pk, patient_id=factories.patient(clinic.site).pk)
    for verb in ("confirm", "cancel"):
        with pytest.raises(NotFound):
            appointments.transition(
                actor=actor, appointment_id=visit.pk, verb=verb, reason_code="cost", now=NOW
            )
    with pytest.raises(NotFound):
        moves.apply(
            actor=actor, appointment_id=visit.pk, wish=Wish(start=visit.start + timedelta(hours=1)), now=NOW
        )


def test_a_patient_does_nothing_that_a_link_does_not_grant(clinic: factories.Clinic) -> None:
    visit = booked.visit(booked.book(clinic), "dose-1")
    actor = as_patient(visit)
    for verb in set(appointments.CAPABILITY) - {"confirm", "cancel"}:
        with pytest.raises(NotAllowed):
            appointments.transition(actor=actor, appointment_id=visit.pk, verb=verb, now=NOW)
    with pytest.raises(NotAllowed):
        appointments.transition(
            actor=actor, appointment_id=visit.pk, verb="confirm", at=NOW - timedelta(hours=1), now=NOW
        )
    wanted = single.Visit(
        patient_id=visit.patient_id, kind="therapy", start=visit.start + timedelta(days=30), mode="video"
    )
    with pytest.raises(NotAllowed):
        single.book(actor=actor, visit=wanted, now=NOW)
    # They may answer an offer: to themselves.
    with pytest.raises(NotFound):
        waitlist.accept(actor=actor, entry_id=visit.pk, now=NOW)


def test_a_patient_sees_and_fills_no_unit_of_another_one(clinic: factories.Clinic) -> None:
    course = booked.book(clinic, skip=("integration-3",))
    gap = booked.gap_of(course, "dose-3")
    actor = actors.patient(practice_id=clinic.practice.pk, patient_id=factories.patient(clinic.site).pk)
    with pytest.raises(NotFound):
        slots.ranked(actor=actor, gap_id=gap.pk, now=NOW)
    with pytest.raises(NotFound):
        slots.book(actor=actor, gap_id=gap.pk, now=NOW)
    wanted = single.Visit(
        patient_id=course.patient_id,
        kind="integration",
        start=gap.ideal_from or NOW,
        course_id=course.pk,
        unit_id=gap.pk,
    )
    with pytest.raises(NotFound):
        single.book(actor=actor, visit=wanted, now=NOW)


def test_staff_send_a_locked_link_anew_and_patients_cannot(clinic: factories.Clinic) -> None:
    visit = booked.visit(booked.book(clinic), "dose-1")
    first = links.address(visit_id=visit.pk)
    PatientLink.objects.filter(appointment=visit).update(wrong_tries=5)
    own_acts.send_again(actor=as_patient(visit), now=NOW)
    assert links.address(visit_id=visit.pk) == first
    own_acts.send_for(actor=clinic.admin, appointment_id=visit.pk, now=NOW)
    assert links.address(visit_id=visit.pk) != first
    with pytest.raises(NotFound):
        links.find(token=first.rpartition("/")[2], now=NOW)
    assert Message.objects.filter(kind="visit_link", subject_id=visit.pk).count() == 2


def test_nothing_is_offered_that_breaks_a_rule_or_moves_another_visit(clinic: factories.Clinic) -> None:
    visit = booked.visit(booked.book(clinic), "dose-2")
    now = visit.start - timedelta(days=2)
    link = links.find(token=links.address(visit_id=visit.pk).rpartition("/")[2], now=now)
    days = own_slots.offered(link=link, now=now)
    assert days
    assert len(days) <= own_slots.MOST_DAYS
    for day in days:
        assert 1 <= len(day.starts) <= own_slots.MOST_A_DAY
        for start in day.starts:
            assert start >= now + own_slots.NOTICE
            shown = moves.preview(
                actor=clinic.admin,
                appointment_id=visit.pk,
                wish=Wish(start=start),
                ways=moves.Ways(cascade=False),
                now=now,
            )
            assert [one["id"] for one in shown.moves] == [visit.pk]
            assert shown.open == ()
