"""The pages in the states that no address alone leads to: each walks there as somebody would."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from datetime import datetime, timedelta
from urllib.parse import urlsplit

import time_machine
from allauth.mfa.models import Authenticator
from django.contrib.auth import SESSION_KEY
from django.db import transaction
from django.test import Client
from django.urls import resolve
from django.utils import timezone

from clinic.practice.models import Closure, StaffMember
from patients.models import EligibilityDecision, Patient
from scheduling.booking.waiting import waitlist
from scheduling.booking.waiting.waitlist import Place, Wish
from scheduling.booking.writing import inviting, links
from scheduling.models import Appointment, Shift
from scheduling.models.patient_link import Purpose
from tests import factories
from tests.scheduling.booking import booked
from tests.web import breaking, reading
from tests.web.conftest import BACKEND, World
from tests.web.reading import Form
from tests.web.test_every_page import pages

BORN = "1990-04-02"
# A page: where it stands, and what is on it.
Page = tuple[str, str]
State = Callable[[World, Client], Iterator[Page]]


def look(client: Client, path: str) -> Page:
    answer = client.get(path)
    assert "/sign-in/" not in answer.headers.get("Location", ""), path
    return path, answer.content.decode()


@contextmanager
def later(client: Client, at: datetime) -> Iterator[None]:
    """Then, and signed in anew, as whoever comes back to a screen that nobody used."""
    kept, who = deepcopy(client.cookies), client.session[SESSION_KEY]
    with time_machine.travel(at):
        client.force_login(StaffMember.objects.get(pk=who), backend=BACKEND)
        try:
            yield
        finally:
            client.cookies = kept


def form_on(page: Page, route: str, verb: str = "") -> Form:
    """The form that goes to the address of this name."""
    for form in reading.forms(page[1], at=page[0]):
        found = resolve(urlsplit(form.action).path)
        if form.method == "post" and found.url_name == route and verb in ("", *found.kwargs.values()):
            return form
    raise AssertionError(f"no form {route} {verb} at {page[0]}")


def press(client: Client, page: Page, route: str, verb: str = "", /, **typed: str) -> Page:
    """Fill in the form, send it, and go where it leads."""
    form = form_on(page, route, verb)
    answer = client.post(form.action, {**breaking.filled(form), **typed})
    if answer.status_code in (302, 303):
        return look(client, answer["Location"].partition("#")[0])
    return urlsplit(form.action).path, answer.content.decode()


# --- staff --------------------------------------------------------------------------------------------------
def every_page(world: World, client: Client) -> Iterator[Page]:
    for path in pages(world):
        yield look(client, path)
    yield look(client, "/follow-ups/?show=unbooked")


def a_course_being_booked(world: World, client: Client) -> Iterator[Page]:
    somebody = factories.patient(world.clinic.site, family_name="Newcomer")
    yield (asked := look(client, f"/book/?patient={somebody.pk}"))
    yield (plans := press(client, asked, "book"))
    yield press(client, plans, "book-messages")
    yield (times := press(client, plans, "book-times"))
    yield press(client, times, "book-change")


def no_plan(world: World, client: Client) -> Iterator[Page]:
    for one in world.clinic.therapists:
        factories.absence(one, world.now, world.now + timedelta(days=60))
    somebody = factories.patient(world.clinic.site, family_name="Newcomer")
    yield press(client, look(client, f"/book/?patient={somebody.pk}"), "book")


def a_step_that_a_rule_forbids(world: World, client: Client) -> Iterator[Page]:
    EligibilityDecision.objects.all().delete()
    yield press(client, look(client, f"/visits/{world.dose.pk}/"), "visit-move", "check_in")


def a_dose_under_way(world: World, client: Client) -> Iterator[Page]:
    for verb in ("check_in", "start", "end_administration"):
        booked.move(world.clinic, world.dose.pk, verb, now=world.now)
        for path in (f"/visits/{world.dose.pk}/", "/board/", "/day/"):
            yield look(client, path)
    yield press(client, look(client, f"/visits/{world.dose.pk}/"), "visit-move", "discharge")


def late_entries(world: World, client: Client) -> Iterator[Page]:
    with later(client, world.dose.end + timedelta(hours=3)):
        yield look(client, f"/visits/{world.dose.pk}/")


def after_the_observation(world: World, client: Client) -> Iterator[Page]:
    for verb in ("check_in", "start", "end_administration"):
        booked.move(world.clinic, world.dose.pk, verb, now=world.now)
    with later(client, world.now + timedelta(hours=4)):
        yield look(client, f"/visits/{world.dose.pk}/")
        booked.move(world.clinic, world.dose.pk, "discharge", now=world.now + timedelta(hours=4))
        yield look(client, f"/visits/{world.dose.pk}/")


def moves(world: World, client: Client) -> Iterator[Page]:
    day = world.dose.local_date + timedelta(days=1)
    at = f"{world.dose.local_time:%H:%M}"
    yield (seen := look(client, f"/moves/{world.dose.pk}/?start={day}T{at}"))
    yield press(client, seen, "move")
    second = world.visit("dose-2")
    yield look(client, f"/moves/{second.pk}/?start={second.local_date}T{at}&with={world.visit('dose-3').pk}")


def a_move_that_breaks_a_rule(world: World, client: Client) -> Iterator[Page]:
    last = world.visit("dose-6")
    day = last.local_date + timedelta(days=35)
    yield look(client, f"/moves/{last.pk}/?start={day}T{last.local_time:%H:%M}")


def a_follow_up_booked(world: World, client: Client) -> Iterator[Page]:
    yield press(client, look(client, "/follow-ups/?show=unbooked"), "follow-up-book")


def a_follow_up_taken_and_waived(world: World, client: Client) -> Iterator[Page]:
    at = f"/follow-ups/{world.gap.pk}/"
    yield look(client, f"{at}more/?back=/follow-ups/")
    yield press(client, look(client, at), "follow-up-work", "take")
    yield press(client, look(client, at), "follow-up-work", "waive")


def a_walk_in(world: World, client: Client) -> Iterator[Page]:
    somebody = factories.patient(world.clinic.site, family_name="Passer-by")
    begun = look(client, f"/day/book/?start={world.dose.local_date}T16:00")
    yield press(client, begun, "walk-in", name=somebody.family_name, find="1")
    twice = press(client, begun, "walk-in", name=somebody.family_name, find="1", start="2026-11-01T01:30")
    yield press(client, twice, "walk-in")


def what_is_due_tomorrow(world: World, client: Client) -> Iterator[Page]:
    Authenticator.objects.create(user=world.clinic.front_desk, type="totp", data={"secret": "x"})
    yield look(client, "/accounts/people/")
    yield look(client, "/accounts/mails/")
    with later(client, world.task.due_at + timedelta(hours=1)):
        yield look(client, "/overview/")


def a_visit_cancelled(world: World, client: Client) -> Iterator[Page]:
    yield press(client, look(client, f"/visits/{world.visit('dose-6').pk}/cancel/"), "visit-cancel")


def somebody_away(world: World, client: Client) -> Iterator[Page]:
    factories.worker(world.clinic.site, "monitor")
    row = factories.absence(world.clinic.monitor, world.dose.start, world.dose.end)
    yield look(client, f"/set-up/absences/{row.pk}/")
    yield (seen := look(client, f"/set-up/absences/{row.pk}/give/"))
    yield press(client, seen, "absence-give")


def a_room_shut(world: World, client: Client) -> Iterator[Page]:
    dose = world.dose
    row = Closure.objects.create(
        site=world.clinic.site, room=dose.room, starts_at=dose.start, ends_at=dose.end
    )
    yield look(client, f"/set-up/closures/{row.pk}/")
    yield (seen := look(client, f"/set-up/closures/{row.pk}/rooms/"))
    yield press(client, seen, "closure-rooms")


def somebody_who_waits(world: World, client: Client) -> Iterator[Page]:
    asked = f"/waitlist/?site={world.clinic.site.pk}&start={world.day_waited_for}T10:00"
    yield (suits := look(client, asked))
    yield press(client, suits, "waitlist-work", "offer")
    yield press(client, look(client, "/waitlist/"), "waitlist-work", "retract")
    yield look(client, f"/waitlist/add/?patient={world.patient.pk}")
    yield look(client, f"/waitlist/add/?visit={world.dose.pk}")
    yield look(client, f"/waitlist/add/?gap={world.gap.pk}")


def where_somebody_asked_to_be_written_to(world: World, client: Client) -> Iterator[Page]:
    seen = look(client, f"/patients/{world.patient.pk}/")
    mail = world.patient.contact_points.get(channel="email").value
    yield press(client, seen, "patient-work", "ask", address=mail, said="By telephone.")


STAFF: tuple[State, ...] = (
    every_page,
    a_course_being_booked,
    no_plan,
    a_step_that_a_rule_forbids,
    a_dose_under_way,
    late_entries,
    after_the_observation,
    moves,
    a_move_that_breaks_a_rule,
    a_follow_up_booked,
    a_follow_up_taken_and_waived,
    a_walk_in,
    what_is_due_tomorrow,
    a_visit_cancelled,
    somebody_away,
    a_room_shut,
    somebody_who_waits,
    where_somebody_asked_to_be_written_to,
)


# --- patients -----------------------------------------------------------------------------------------------
def a_patient(world: World, client: Client) -> Iterator[Page]:
    """The page of the second dose, from its link to its end."""
    visit = world.visit("dose-2")
    Patient.objects.filter(pk=world.clinic.patient.pk).update(birth_date=BORN)
    with time_machine.travel(visit.start - timedelta(days=2)):
        path = "/v/" + links.address(visit_id=visit.pk).rpartition("/")[2]
        yield (front := look(client, path))
        yield press(client, front, "own-visit-act", "open", birth_date=BORN)
        yield look(client, f"{path}?lang=es")
        yield look(client, f"{path}/times")
        yield look(client, f"/v/{'x' * 22}")
    yield from a_patient_who_chooses(world, client)


def a_patient_who_chooses(world: World, client: Client) -> Iterator[Page]:
    """The page on which the time of the third follow-up is chosen, with times and without."""
    dose = world.visit("dose-3")
    with transaction.atomic():
        inviting.invite(dose=dose, now=timezone.now())
    path = "/n/" + links.address(visit_id=dose.pk, purpose=Purpose.NEXT).rpartition("/")[2]
    with time_machine.travel(dose.end):
        yield (front := look(client, path))
        yield press(client, front, "own-next-act", "open", birth_date=BORN)
        yield look(client, f"{path}?lang=es")
        yield look(client, f"/n/{'x' * 22}")
        kept = list(Shift.objects.all())
        Shift.objects.all().delete()
        yield look(client, path)
        Shift.objects.bulk_create(kept)
    yield from a_patient_who_waits(world, client)


def a_patient_who_waits(world: World, client: Client) -> Iterator[Page]:
    """The page on which a place is taken or left."""
    clinic, now = world.clinic, timezone.now()
    wish = Wish(clinic.patient.pk, "therapy", now, now + timedelta(days=60), mode="video")
    entry = waitlist.add(actor=clinic.admin, wish=wish, now=now)
    place = Place(world.visit("dose-3").start + timedelta(days=21))
    waitlist.offer(actor=clinic.admin, entry_id=entry, place=place, now=now)
    held = Appointment.objects.get(patient=clinic.patient, status="held")
    path = "/o/" + links.address(visit_id=held.pk, purpose=Purpose.OFFER).rpartition("/")[2]
    yield look(client, path)
    yield look(client, f"{path}?lang=es")
    yield look(client, f"/o/{'x' * 22}")
