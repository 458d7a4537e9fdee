"""Cancelling at the screen: what follows is seen before it is done, and can be taken back."""

import re
from datetime import timedelta

from django.test import Client

from clinic.practice.models import TrailEntry, WorkItem
from notifications.models import Message
from scheduling.booking.visit import single
from scheduling.booking.writing import cancellations
from scheduling.models import Appointment
from tests import factories
from tests.scheduling.booking import booked
from tests.web.conftest import World, signed_in


def status(*visits: Appointment) -> list[str]:
    return [Appointment.objects.get(pk=one.pk).status for one in visits]


def path(visit: Appointment) -> str:
    return f"/visits/{visit.pk}/cancel/"


def form(visit: Appointment, **changes: str) -> dict[str, str]:
    now = Appointment.objects.get(pk=visit.pk)
    return {"version": str(now.version), "reason_code": "patient_unwell", "back": "/day/", **changes}


def test_everything_that_follows_a_cancelled_dose_is_seen_and_nothing_saved(
    world: World, desk: Client
) -> None:
    dose, talk = world.visit("dose-2"), world.visit("integration-2")
    page = desk.get(path(dose)).content.decode()
    assert "Nothing is saved yet" in page
    assert "If what follows it is kept" in page
    assert "If what follows it is cancelled too" in page
    assert "Cancelled with it; its place is free." in page
    assert "No follow-up owed" in page
    assert "Reminder, 1 day before" in page
    assert f'href="/moves/{dose.pk}/?back=' in page
    assert status(dose, talk) == ["booked", "booked"]


def test_each_message_that_is_not_sent_any_more_is_told_once(world: World, desk: Client) -> None:
    dose = world.visit("dose-2")
    page = desk.get(path(dose)).content.decode()
    kept = re.search(r'class="stack way way-keep".*?</section>', page, re.DOTALL)
    assert kept
    planned = Message.objects.filter(subject_id=dose.pk, state="planned")
    waiting = planned.values_list("kind", "channel", "due_at")
    assert len(re.findall(r"(Text message|E-mail), \w{3} \d", kept[0])) == len(set(waiting))


def test_a_follow_up_that_is_kept_tells_what_it_is_for_then(world: World, desk: Client) -> None:
    page = desk.get(path(world.visit("dose-2"))).content.decode()
    assert "it stays as a talk of its own" in page


def test_the_dose_is_cancelled_alone_or_with_what_follows_it_and_comes_back_whole(
    world: World, desk: Client
) -> None:
    dose, talk = world.visit("dose-2"), world.visit("integration-2")
    answer = desk.post(path(dose), form(dose, follow_up="cancel"))
    assert answer.status_code == 303
    assert answer["Location"] == f"/day/?cancelled={dose.pk}#visit-{dose.pk}"
    assert status(dose, talk) == ["cancelled", "cancelled"]
    offered = desk.get(answer["Location"]).content.decode()
    assert f'action="/visits/{dose.pk}/undo-cancel/"' in offered
    done = desk.post(f"/visits/{dose.pk}/undo-cancel/", {"back": f"/day/?cancelled={dose.pk}"})
    assert done["Location"] == f"/day/#visit-{dose.pk}"
    assert status(dose, talk) == ["booked", "booked"]


def test_an_old_undo_takes_nothing_back_that_somebody_else_cancelled_since(
    world: World, desk: Client
) -> None:
    dose = world.visit("dose-2")
    offered = desk.get(desk.post(path(dose), form(dose, follow_up="keep"))["Location"]).content.decode()
    version = re.search(r'undo-cancel/".*?name="version" value="(\d+)"', offered, re.DOTALL)
    assert version
    undo, slip = f"/visits/{dose.pk}/undo-cancel/", {"version": version[1]}
    assert desk.post(undo, slip).status_code == 303
    assert status(dose) == ["booked"]
    booked.move(world.clinic, dose.pk, "cancel", now=world.now, reason="The patient called", follow_up="keep")
    answer = desk.post(undo, slip, follow=True).content.decode()
    assert "Not undone." in answer
    assert status(dose) == ["cancelled"]
    # The address of the day is kept and opened again.
    assert "undo-cancel" not in desk.get(f"/day/?cancelled={dose.pk}").content.decode()


def test_a_follow_up_cancelled_before_its_dose_does_not_come_back_with_it(world: World, desk: Client) -> None:
    dose, talk = world.visit("dose-2"), world.visit("integration-2")
    booked.move(world.clinic, talk.pk, "cancel", now=world.now - timedelta(minutes=1), reason="Called off")
    desk.post(path(dose), form(dose))
    desk.post(f"/visits/{dose.pk}/undo-cancel/", {})
    assert status(dose, talk) == ["booked", "cancelled"]


def test_a_place_that_is_gone_meanwhile_is_not_taken_back(world: World, desk: Client) -> None:
    dose, talk = world.visit("dose-2"), world.visit("integration-2")
    desk.post(path(dose), form(dose, follow_up="cancel"))
    single.book(
        actor=world.clinic.admin,
        now=world.now,
        visit=single.Visit(
            patient_id=factories.patient(world.clinic.site).pk,
            kind="therapy",
            start=dose.start,
            practitioner_ids=(world.clinic.therapists[0].pk,),
            room_id=dose.room_id,
        ),
    )
    page = desk.post(f"/visits/{dose.pk}/undo-cancel/", {}, follow=True).content.decode()
    assert "Not undone." in page
    assert status(dose, talk) == ["cancelled", "cancelled"]


def test_what_is_refused_keeps_what_was_chosen(world: World, desk: Client) -> None:
    dose = world.visit("dose-2")
    answer = desk.post(path(dose), form(dose, follow_up="keep", reason_code="other"))
    page = answer.content.decode()
    assert answer.status_code == 422
    assert 'value="keep" checked' in page
    assert '<option value="other" selected>' in page
    stale = desk.post(path(dose), form(dose, version="999"))
    assert stale.status_code == 409
    assert status(dose) == ["booked"]


def test_a_visit_that_is_over_says_so(world: World, desk: Client) -> None:
    dose = world.visit("dose-2")
    desk.post(path(dose), form(dose, follow_up="keep"))
    page = desk.get(path(dose)).content.decode()
    assert "Nothing is saved yet" not in page
    assert 'id="do-cancel"' not in page


def test_a_visit_without_a_follow_up_asks_nothing_about_one(world: World, desk: Client) -> None:
    page = desk.get(path(world.visit("integration-2"))).content.decode()
    assert 'name="follow_up"' not in page


def test_another_practice_sees_and_undoes_nothing(world: World) -> None:
    outsider = signed_in(factories.staff(factories.site(factories.practice()), "front_desk"))
    assert outsider.get(path(world.dose)).status_code == 404
    assert outsider.post(path(world.dose), {"reason": "x"}).status_code == 404
    assert outsider.post(f"/visits/{world.dose.pk}/undo-cancel/", {}).status_code == 404


def test_who_was_to_be_called_need_not_be_once_the_visit_takes_place_after_all(
    world: World, desk: Client
) -> None:
    dose = world.dose
    Message.objects.filter(kind="course_booked").update(state="delivered")
    Appointment.objects.update(created_at=world.now - timedelta(days=3))
    assert (
        desk.post(path(dose), form(dose, follow_up="keep", reason_code="clinic_cancelled")).status_code == 303
    )
    task = WorkItem.objects.get(kind=cancellations.CALL_ITEM)
    assert task.done_at is None
    desk.post(f"/visits/{dose.pk}/undo-cancel/", {})
    task.refresh_from_db()
    assert (task.done_at is not None, task.done_by) == (True, f"staff:{world.clinic.front_desk.pk}")
    told = TrailEntry.objects.get(subject_id=task.pk)
    assert told.reason == "reinstated"
