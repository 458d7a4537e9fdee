"""What a practice says of each kind of message: who may, what is refused, what is kept of it."""

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from clinic.practice.errors import Invalid, NotAllowed, Stale
from clinic.practice.models import TrailEntry
from notifications.models import KindTerm, Replan
from notifications.planning import practice_terms, preferences
from notifications.planning.policy import Caps
from notifications.planning.terms import Term
from tests import factories
from tests.factories import NOW

pytestmark = pytest.mark.django_db

OFF = Term(on=False)


def test_what_is_said_is_kept_with_who_and_when() -> None:
    clinic = factories.small_clinic()
    said = {"check_in": OFF, "reminder_24h": Term(on=False, reason="We telephone.")}
    practice_terms.save(actor=clinic.admin, said=said, now=NOW, version=0)
    held = practice_terms.held(actor=clinic.admin)
    assert held.terms == said
    lines = TrailEntry.objects.filter(subject_kind=practice_terms.SUBJECT)
    assert {(one.actor_ref, one.at, one.reason) for one in lines} == {
        (clinic.admin.ref, NOW, ""),
        (clinic.admin.ref, NOW, "We telephone."),
    }
    # Saying the same again is no change.
    practice_terms.save(actor=clinic.admin, said=said, now=NOW, version=held.version)
    assert practice_terms.held(actor=clinic.admin).version == held.version


def test_a_change_has_what_is_planned_made_anew_from_the_start() -> None:
    clinic = factories.small_clinic()
    practice_terms.save(actor=clinic.admin, said={"check_in": OFF}, now=NOW)
    Replan.objects.update(done_to=clinic.patient.pk)
    later = NOW + timedelta(minutes=1)
    practice_terms.save(actor=clinic.admin, said={"check_in": Term()}, now=later)
    row = Replan.objects.get()
    assert (row.practice_id, row.asked_at, row.done_to) == (clinic.practice.pk, later, None)


def test_what_may_not_be_said_is_refused_by_field_and_nothing_is_kept() -> None:
    clinic = factories.small_clinic()
    said = {"check_in": OFF, "reminder_24h": OFF, "no_show": Term(hours=3)}
    with pytest.raises(Invalid) as refused:
        practice_terms.save(actor=clinic.admin, said=said, now=NOW)
    assert set(refused.value.fields) == {"reminder_24h.reason", "no_show.hours"}
    assert not KindTerm.objects.exists()
    assert not Replan.objects.exists()


def test_only_administrators_say_and_only_what_they_have_seen_is_changed() -> None:
    clinic = factories.small_clinic()
    with pytest.raises(NotAllowed):
        practice_terms.save(
            actor=factories.actor(clinic.practice, "front_desk"), said={"check_in": OFF}, now=NOW
        )
    practice_terms.save(actor=clinic.admin, said={"check_in": OFF}, now=NOW, version=0)
    with pytest.raises(Stale):
        practice_terms.save(actor=clinic.admin, said={"no_show": OFF}, now=NOW, version=0)


def test_another_practice_says_nothing_here() -> None:
    clinic, other = factories.small_clinic(), factories.practice()
    practice_terms.save(actor=clinic.admin, said={"check_in": OFF}, now=NOW)
    found = practice_terms.of(practice_ids=[clinic.practice.pk, other.pk])
    assert found == {clinic.practice.pk: {"check_in": OFF}, other.pk: {}}


@pytest.mark.parametrize(
    "row",
    [
        {"kind": "visit_moved", "is_on": False},
        {"kind": "check_in", "hours": 49},
        {"kind": "no_show", "hours": 20},
        {"kind": "reminder_24h", "is_on": False},
    ],
)
def test_the_database_refuses_what_may_not_be_said(row: dict[str, object]) -> None:
    practice = factories.practice()
    with pytest.raises(IntegrityError), transaction.atomic():
        KindTerm.objects.create(practice=practice, **row)


def test_what_the_exemption_allows_is_not_raised() -> None:
    ours = factories.practice(messages={"per_day": 2, "per_week": 2})
    assert preferences.of(ours).caps == Caps(per_day=2, per_week=2)
    ours.settings = {"messages": {"per_day": 2, "per_week": 2, "relies_on_exemption": True}}
    assert preferences.of(ours).caps == Caps(per_day=1, per_week=2)
