"""What holds for every page of the address table; an address that is new is met by these tests at once."""

import re
import uuid
from collections.abc import Iterator

import pytest
from django.apps import apps
from django.test import Client, RequestFactory
from django.urls import URLPattern

from clinic.config import errors
from clinic.practice import permissions
from clinic.practice.models import Closure, Room
from patients.models import Patient
from scheduling.booking.visit import appointments
from scheduling.models import Absence, Shift
from scheduling.web import urls
from scheduling.web.course import course_acts
from scheduling.web.day import waitlist
from scheduling.web.follow_ups import worklist
from scheduling.web.home import reached
from scheduling.web.messages import inbox, message
from tests import factories
from tests.api.access_pages import WORDS
from tests.web import reading
from tests.web.conftest import ROLES, World, signed_in

IDS = {
    "protocol_id": "protocol",
    "visit_id": "dose",
    "gap_id": "gap",
    "course_id": "course",
    "item_id": "task",
    "act_id": "dose",
    "absence_id": "absence",
    "closure_id": "closure",
    "message_id": "message",
    "thread_id": "thread",
    "refused_uid": "refused",
    "entry_id": "entry",
    "patient_id": "patient",
}
# No pages, with tests of their own: a file for calendars, and what leads to each one's first page.
FEEDS = {"calendar", "start"}
ADMINS_ONLY = {"/access-log/"}
# A line that a page asks for while it stands open.
PARTS = {"move-fits", "follow-up-next", "follow-up-more", "setup-wording-tests", "course-changed"}
# What only those see who book.
BOOKERS_ONLY = {
    "waitlist-add",
    "absence-give",
    "closure-rooms",
    "move",
    "move-fits",
    "walk-in",
    "book",
    "visit-cancel",
}
BESIDE = {"sessions.Session", "practice.PatientRead"}
VERBS = {
    "visit-move": tuple(verb for verb in appointments.CAPABILITY if verb != "cancel"),
    "follow-up-work": tuple(worklist.VERBS),
}
VERBS |= {"waitlist-work": tuple(waitlist.VERBS)}
VERBS |= {"patient-work": tuple(reached.VERBS)}
VERBS |= {"message-settle": tuple(message.VERBS), "inbox-work": tuple(inbox.VERBS)}
VERBS |= {"setup-protocol": ("offer", "retire"), "course-act": tuple(course_acts.ACTS)}
# Pages that are only posted to.
POSTED = (
    *("task-done", "book-patient", "book-times", "book-change", "book-messages"),
    *("book-confirm", "move-undo"),
    *("cancel-undo", "course-mail", "course-score", "follow-up-book", "booking-undo", "visit-link"),
    "messages-refused-lift",
)
VERBS |= dict.fromkeys(POSTED, ("",))
# What an address says after its question mark, where it means nothing without.
ASKED = {"why-not": "?start=2026-05-11T14:00:00Z&site="}


def things(world: World, given: uuid.UUID | None) -> dict[str, uuid.UUID]:
    """One of each kind that the set-up knows."""
    clinic = world.clinic
    own = {
        "sites": clinic.site.pk,
        "rooms": Room.objects.filter(site=clinic.site).latest("pk").pk,
        "people": clinic.front_desk.pk,
        "shifts": Shift.objects.filter(site=clinic.site).latest("pk").pk,
        "closures": Closure.objects.filter(site=clinic.site).latest("pk").pk,
        "absences": Absence.objects.filter(staff=clinic.therapists[0]).latest("pk").pk,
    }
    return {noun: given or row for noun, row in own.items()}


def addresses(world: World, given: uuid.UUID | None = None) -> Iterator[tuple[str, str]]:
    """Every address: (name, path), with the world's own ids or with `given` in their place."""
    for pattern in urls.urlpatterns:
        assert isinstance(pattern, URLPattern)
        if pattern.name in FEEDS:
            continue
        path = "/" + str(pattern.pattern)
        for argument, attribute in IDS.items():
            row = getattr(world, attribute)
            own = row.uid if attribute == "refused" else row.pk
            path = path.replace(f"<uuid:{argument}>", str(given or own))
        for verb in VERBS.get(pattern.name or "", ("",)):
            for noun, row in things(world, given).items():
                path = path.replace(f"{noun}/<uuid:thing_id>", f"{noun}/{row}")
            for words, told in WORDS.items():
                path = path.replace(words, told)
            whole = path.replace("<slug:verb>", verb)
            assert "<" not in whole, f"{pattern.name}: teach this test its arguments"
            asked = ASKED.get(pattern.name or "")
            yield pattern.name or "", f"{whole}{asked}{given or world.clinic.site.pk}" if asked else whole


def pages(world: World) -> list[str]:
    return [path for name, path in addresses(world) if name not in VERBS]


def rows() -> dict[str, int]:
    """How many rows there are, sessions and the log of who looked aside."""
    return {
        model._meta.label: model._default_manager.count()
        for model in apps.get_models()
        if model._meta.managed and model._meta.label not in BESIDE
    }


def test_a_stranger_is_led_to_the_sign_in(world: World) -> None:
    for _, path in addresses(world):
        for answer in (Client().get(path), Client().post(path)):
            assert answer.status_code in (302, 405), path
            if answer.status_code == 302:
                assert answer["Location"].startswith("/accounts/sign-in/"), path


@pytest.mark.parametrize("role", ROLES)
def test_every_role_may_look(world: World, role: str) -> None:
    client = signed_in(world.staff(role))
    books = role in permissions.BOOKERS
    for name, path in addresses(world):
        if name in VERBS:
            continue
        refused = path in ADMINS_ONLY and role != "practice_admin" or name in BOOKERS_ONLY and not books
        assert client.get(path).status_code == (403 if refused else 200), path


def test_looking_changes_nothing(world: World) -> None:
    client = signed_in(world.staff(*ROLES))
    before = rows()
    versions = (world.dose.version, world.gap.version)
    for _, path in addresses(world):
        client.get(path)
    world.dose.refresh_from_db()
    world.gap.refresh_from_db()
    assert rows() == before
    assert (world.dose.version, world.gap.version) == versions


def test_a_form_without_a_token_is_refused(world: World) -> None:
    client = signed_in(world.staff(*ROLES), enforce_csrf_checks=True)
    before = rows()
    for name, path in addresses(world):
        if name in VERBS or name in ("search", "book"):
            answer = client.post(path, {"reason": "x", "until": "hours"})
            assert answer.status_code == 403, path
            assert "Please send it again" in answer.content.decode()
    assert rows() == before


def test_another_practice_cannot_be_told_from_nothing(world: World) -> None:
    outsider = signed_in(factories.staff(factories.site(factories.practice()), *ROLES))
    missing = uuid.uuid4()
    for (name, theirs), (_, nothing) in zip(addresses(world), addresses(world, missing), strict=True):
        if theirs == nothing:
            continue
        ask = outsider.post if name in VERBS else outsider.get
        other, none = ask(theirs, {"reason": "x"}), ask(nothing, {"reason": "x"})
        assert other.status_code == none.status_code == 404, theirs
        assert other.content == none.content, theirs


def test_lists_hold_nothing_of_another_practice(world: World) -> None:
    outsider = signed_in(factories.staff(factories.site(factories.practice()), *ROLES))
    name = world.clinic.patient.family_name
    for path in (
        "/overview/",
        "/roster/?date=2026-05-11",
        "/day/?date=2026-05-11",
        "/board/",
        "/follow-ups/?show=unbooked",
    ):
        assert name not in outsider.get(path).content.decode()
    found = outsider.post("/patients/", {"name": name}).content.decode()
    assert "Nobody of that name" in found
    for wanted in (
        f"/roster/?site={world.clinic.site.pk}",
        f"/day/?site={world.clinic.site.pk}",
        f"/follow-ups/?site={world.clinic.site.pk}",
    ):
        assert outsider.get(wanted).status_code == 404


def test_browsers_are_told_the_strict_rules(world: World, lead: Client) -> None:
    for path in [*pages(world), "/nowhere/"]:
        answer = lead.get(path)
        policy = answer["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer["Cache-Control"] == "no-store" or "no-store" in answer["Cache-Control"]
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["X-Frame-Options"] == "DENY"
        assert "camera=()" in answer["Permissions-Policy"]


def test_pages_need_no_inline_code_and_no_other_host(world: World, lead: Client) -> None:
    parts = {path for name, path in addresses(world) if name in PARTS}
    for path in [*pages(world), "/accounts/sign-out/"]:
        page = lead.get(path).content.decode()
        assert not re.search(r"\sstyle=|<style|\son[a-z]+=", page), path
        assert not re.search(r"<script(?![^>]*\bsrc=)", page), path
        assert not re.search(r"(src|href|action)=\"(https?:)?//", page), path
        assert page.count("<h1") == (path not in parts), path
        assert ('<html lang="en">' in page) == (path not in parts), path


def test_every_field_is_of_a_kind_that_browsers_know(world: World, lead: Client) -> None:
    known = reading.TYPED | reading.CHOSEN | {"hidden", "select"}
    for path in pages(world):
        for form in reading.forms(lead.get(path).content.decode(), at=path):
            kinds = {one.kind for one in form.controls} - {"button"}
            assert kinds <= known, (path, kinds - known)


def test_names_are_shown_as_text(world: World, lead: Client) -> None:
    hostile = "<script>alert(1)</script>"
    Patient.objects.filter(pk=world.clinic.patient.pk).update(family_name=hostile)
    for path in pages(world):
        assert hostile not in lead.get(path).content.decode(), path
    assert "&lt;script&gt;" in lead.get(f"/courses/{world.course.pk}/").content.decode()


@pytest.mark.parametrize(
    "path",
    [
        "/roster/?date=tomorrow",
        "/roster/?date=0001-01-01",
        "/roster/?date=9999-12-31",
        "/roster/?date=2026-02-30",
        "/roster/?site=x",
        "/roster/?who=00000000-0000-0000-0000-000000000000",
        "/day/?by=nobody",
        "/day/?view=year",
        "/day/?date=2026-02-30",
        "/day/?column=x",
        "/day/?moved=00000000-0000-0000-0000-000000000000",
        "/board/?site=x",
        "/follow-ups/?show=everything",
        "/follow-ups/?severity=x",
        "/follow-ups/?site=%00",
        "/visits/1/",
        "/courses/%00/",
    ],
)
def test_an_address_that_means_nothing_is_not_found(lead: Client, path: str) -> None:
    answer = lead.get(path)
    assert answer.status_code == 404
    assert "There is nothing here" in answer.content.decode()


@pytest.mark.parametrize(
    "back", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_a_form_never_leads_to_another_host(world: World, lead: Client, back: str) -> None:
    answer = lead.post(f"/follow-ups/{world.gap.pk}/take/", {"back": back})
    assert answer.status_code == 303
    assert answer["Location"].startswith(f"/follow-ups/{world.gap.pk}/")
    page = lead.get(f"/visits/{world.dose.pk}/", {"back": back}).content.decode()
    assert "evil.example" not in page
    assert "javascript:" not in page


def test_our_own_fault_is_a_plain_page_that_needs_nothing() -> None:
    answer = errors.server_error(RequestFactory().get("/roster/"))
    assert answer.status_code == 500
    assert "It is our fault" in answer.content.decode()


def test_what_a_role_may_not_do_is_a_plain_page(world: World) -> None:
    client = signed_in(world.clinic.monitor)
    answer = client.post(f"/follow-ups/{world.gap.pk}/waive/", {"reason": "x"})
    assert answer.status_code == 403
    assert "You may not do this" in answer.content.decode()
