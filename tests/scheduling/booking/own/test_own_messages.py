"""What a patient would get of a course that is not booked is what is planned once it is."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from clinic.practice.errors import NotAllowed, NotFound
from notifications import neutral
from notifications.models import KindTerm, Message
from notifications.planning.ports import Silence
from notifications.planning.terms import Term
from notifications.reading.ahead import Foreseen
from notifications.sending.decision import Send
from patients.models import MessagingConsent, Patient
from scheduling.booking.course import courses
from scheduling.booking.own import own_messages
from scheduling.errors import ProposalExpired
from scheduling.models import Appointment, PatientLink, TreatmentCourse
from tests import factories
from tests.factories import NOW
from tests.scheduling.booking import booked

pytestmark = pytest.mark.django_db
# Said after a dose, and so planned after it.
AFTERWARDS = "check_in"


def as_ever(clinic: factories.Clinic) -> None:
    """Nothing is special."""


def without_consent(clinic: factories.Clinic) -> None:
    MessagingConsent.objects.filter(patient=clinic.patient).update(decision="revoked")


def far_away(clinic: factories.Clinic) -> None:
    """Where it is night when the clinic opens, in another language."""
    Patient.objects.filter(pk=clinic.patient.pk).update(time_zone="Pacific/Honolulu", language="es")


def told(seen: list[Foreseen]) -> list[Any]:
    """In no order, without what a link is made of, and which message says another."""
    # To the minute: what falls on one moment waits a second for another, in either order.
    return sorted(
        ((one.at.replace(second=0), one.message.kind, one.message.channel, said(one)) for one in seen),
        key=str,
    )


def said(one: Foreseen) -> Any:
    if isinstance(one.outcome, Send):
        return neutral.kept(one.outcome.rendered.text), one.outcome.to, len(one.outcome.covers)
    return one.outcome


@pytest.mark.parametrize("change", [as_ever, far_away, without_consent])
def test_what_is_foreseen_of_a_proposal_is_what_its_booking_plans(
    change: Callable[[factories.Clinic], None],
) -> None:
    clinic = factories.small_clinic()
    change(clinic)
    [best] = booked.propose(clinic, alternatives=1)
    seen = own_messages.of_proposal(actor=clinic.admin, token=best.token, now=NOW)
    for model in (Message, Appointment, TreatmentCourse, PatientLink):
        assert not model._default_manager.exists()
    courses.book(actor=clinic.admin, now=NOW, proposal=best.token)
    before = [one for one in seen if one.message.kind != AFTERWARDS]
    after = own_messages.of_patient(actor=clinic.admin, patient_id=clinic.patient.pk, now=NOW)
    # The first sixty alone are looked at of what is planned.
    near = NOW + timedelta(days=14)
    assert max(one.at for one in after) > near
    assert told([one for one in before if one.at < near]) == told([one for one in after if one.at < near])


def test_what_a_limit_holds_back_is_shown_with_the_reason() -> None:
    clinic = factories.small_clinic()
    clinic.practice.settings = {"messages": {"per_day": 1, "per_week": 2}}
    clinic.practice.save(update_fields=["settings"])
    [best] = booked.propose(clinic, alternatives=1)
    seen = own_messages.of_proposal(actor=clinic.admin, token=best.token, now=NOW)
    assert Silence("over_cap") in [one.outcome for one in seen]


def test_what_is_switched_off_is_shown_with_who_has_it_so() -> None:
    clinic = factories.small_clinic()
    KindTerm.objects.create(practice=clinic.practice, kind="reminder_72h", is_on=False)
    [best] = booked.propose(clinic, alternatives=1)
    seen = own_messages.of_proposal(actor=clinic.admin, token=best.token, now=NOW)
    outcomes = {one.outcome for one in seen if one.message.kind == "reminder_72h"}
    assert outcomes == {Silence("off_by_practice")}
    assert [one.at for one in seen] == sorted(one.at for one in seen)


def test_what_is_planned_already_takes_its_place_and_is_not_shown() -> None:
    clinic = factories.small_clinic()
    clinic.practice.settings = {"messages": {"per_day": 1, "per_week": 2}}
    clinic.practice.save(update_fields=["settings"])
    course = booked.book(clinic)
    [best] = booked.propose(clinic, alternatives=1)
    seen = own_messages.of_proposal(actor=clinic.admin, token=best.token, now=NOW)
    assert course.pk not in {one.message.course_id for one in seen}
    alone = Message.objects.all().delete() and own_messages.of_proposal(
        actor=clinic.admin, token=best.token, now=NOW
    )
    assert sent(alone) > sent(seen)


def sent(seen: list[Foreseen]) -> int:
    return sum(isinstance(one.outcome, Send) for one in seen)


def test_asking_costs_the_same_however_much_is_booked() -> None:
    clinic = factories.small_clinic()
    counts = []
    for _ in range(3):
        [best] = booked.propose(clinic, alternatives=1)
        own_messages.of_proposal(actor=clinic.admin, token=best.token, now=NOW)
        with CaptureQueriesContext(connection) as asked:
            own_messages.of_proposal(actor=clinic.admin, token=best.token, now=NOW)
        counts.append(len(asked))
        courses.book(actor=clinic.admin, now=NOW, proposal=best.token)
    # With nothing booked there are no courses to ask about.
    assert counts[1] == counts[2]
    assert counts[2] < 20


def test_a_proposal_that_is_too_old_or_anothers_tells_nothing() -> None:
    clinic = factories.small_clinic()
    [best] = booked.propose(clinic, alternatives=1)
    late = best.expires_at + timedelta(seconds=1)
    with pytest.raises(ProposalExpired):
        own_messages.of_proposal(actor=clinic.admin, token=best.token, now=late)
    with pytest.raises(ProposalExpired):
        own_messages.of_proposal(actor=factories.admin(factories.practice()), token=best.token, now=NOW)
    with pytest.raises(NotAllowed):
        own_messages.of_proposal(actor=factories.actor(clinic.practice, "monitor"), token=best.token, now=NOW)


def test_a_sample_follows_what_is_said_of_each_message_and_of_all() -> None:
    clinic = factories.small_clinic()
    which = {"actor": clinic.admin, "protocol_id": clinic.version.template_id, "now": NOW}
    usual = own_messages.of_sample(**which)
    assert usual.zone == clinic.site.time_zone
    kinds = {one.message.kind for one in usual.seen if isinstance(one.outcome, Send)}
    assert {"course_booked", "reminder_72h", "reminder_24h", "ride_home", "preparation"} <= kinds
    sooner = own_messages.of_sample(**which, said={"reminder_72h": Term(hours=96)})
    assert min(at(sooner, "reminder_72h")) == min(at(usual, "reminder_72h")) - timedelta(hours=24)
    by_email = own_messages.of_sample(**which, chosen={"channels": "email"})
    assert {one.message.channel for one in by_email.seen} == {"email"}
    # Nobody's address, nobody's visits, nothing kept.
    sent = [one.outcome for one in usual.seen if isinstance(one.outcome, Send)]
    assert {one.to for one in sent} == set(own_messages.ADDRESSES.values())
    assert not Message.objects.exists()
    with pytest.raises(NotFound):
        own_messages.of_sample(**{**which, "actor": factories.admin(factories.practice())})


def at(sample: own_messages.Sample, kind: str) -> list[Any]:
    return [one.at for one in sample.seen if one.message.kind == kind]


def test_a_sample_costs_the_same_however_long_its_course_is() -> None:
    clinic = factories.small_clinic()
    counts = {}
    for key in factories.library_keys():
        version = factories.protocol(clinic.practice, key)
        which = {"actor": clinic.admin, "protocol_id": version.template_id, "now": NOW}
        if not version.is_plannable:
            continue
        with CaptureQueriesContext(connection) as asked:
            sample = own_messages.of_sample(**which)
        if sample.seen:
            counts[len(sample.seen)] = len(asked)
    assert len(counts) > 3
    assert len(set(counts.values())) == 1, counts
