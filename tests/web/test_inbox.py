"""The inbox: what patients wrote, an answer, and that somebody has handled it."""

import pytest
from django.test import Client
from django.utils import timezone

from clinic.local.providers import SmsProvider
from clinic.practice.models import PatientRead, TrailEntry, WorkItem
from notifications.models import Message, Suppression, Thread
from tests import factories
from tests.notifications import making
from tests.notifications.inbox.texting import number_of, text
from tests.notifications.making import Clock
from tests.web.conftest import World, signed_in


@pytest.fixture
def thread(world: World) -> Thread:
    """The patient has written, and has not been answered."""
    text(Client(), number_of(world.clinic.patient), "May I bring my dog? <b>")
    return world.thread


def open_tasks() -> list[str]:
    return sorted(WorkItem.objects.filter(done_at=None, subject_kind="thread").values_list("kind", flat=True))


def send(client: Client, thread: Thread, verb: str, **form: str) -> int:
    thread.refresh_from_db()
    told = {"version": str(thread.version), **form}
    answer = client.post(f"/inbox/{thread.pk}/{verb}/", told)
    return answer.status_code


def test_what_waits_is_counted_listed_and_read(world: World, desk: Client, thread: Thread) -> None:
    patient = world.clinic.patient
    told = desk.get("/inbox/").content.decode()
    assert "Inbox <b>1" in told and "May I bring my dog? &lt;b&gt;" in told and str(patient) in told
    page = desk.get(f"/inbox/{thread.pk}/").content.decode()
    assert "May I bring my dog? &lt;b&gt;" in page and f"/courses/{world.course.pk}/" in page
    assert PatientRead.objects.filter(patient_ids__contains=[patient.pk]).count() == 2
    assert f"/inbox/{thread.pk}/" in desk.get("/overview/").content.decode()


def test_an_answer_goes_in_the_practice_s_name_and_ends_the_waiting(
    world: World, desk: Client, thread: Thread, sms_provider: SmsProvider
) -> None:
    key = "11111111-1111-1111-1111-111111111111"
    assert send(desk, thread, "reply", body="Of course: {clinic} [is] glad.", key=key) == 303
    assert send(desk, thread, "reply", body="Of course: {clinic} [is] glad.", key=key) == 303
    assert open_tasks() == []
    making.deliver(Clock(timezone.now()))
    name = world.clinic.practice.message_name
    told = sms_provider.inbox(to=thread.number)
    assert [one["body"] for one in told] == [f"{name}: Of course: {{clinic}} [is] glad."]
    assert TrailEntry.objects.get(verb="text.replied").patient_id == world.clinic.patient.pk
    page = desk.get(f"/inbox/{thread.pk}/").content.decode()
    assert world.clinic.front_desk.display_name in page and "Of course" in page
    assert "Nothing waits" in desk.get("/inbox/").content.decode()


@pytest.mark.parametrize(
    ("body", "why"),
    [
        ("", "Write something"),
        ("Your ketamine visit is at 10.", "ketamine"),
        ("x" * 160, "160"),
        ("See you 🙂 " + "soon, " * 12, "parts"),
    ],
)
def test_r_02_an_answer_that_others_may_not_see_is_refused_with_what_was_typed(
    desk: Client, thread: Thread, body: str, why: str
) -> None:
    answer = desk.post(f"/inbox/{thread.pk}/reply/", {"body": body, "version": str(thread.version)})
    assert answer.status_code == 422
    assert why in answer.content.decode() and body.strip() in answer.content.decode()
    assert open_tasks() == ["patient_text"]
    assert not Message.objects.filter(kind="staff_reply").exists()


def test_r_07_nobody_answers_a_number_that_wants_no_texts(desk: Client, thread: Thread) -> None:
    text(Client(), thread.number, "please stop texting me")
    assert open_tasks() == ["patient_may_stop", "patient_text"]
    assert send(desk, thread, "stop") == 303
    assert Suppression.objects.filter(value=thread.number).count() == 1
    assert open_tasks() == []
    assert send(desk, thread, "reply", body="Sure.") == 409
    assert "Call" in desk.get(f"/inbox/{thread.pk}/").content.decode()


def test_what_came_meanwhile_is_not_handled_unread(desk: Client, thread: Thread) -> None:
    held = thread.version
    text(Client(), thread.number, "And my cat?")
    stale = desk.post(f"/inbox/{thread.pk}/handled/", {"version": str(held)})
    assert stale.status_code == 409
    assert open_tasks() == ["patient_text"]
    assert send(desk, thread, "handled") == 303
    assert open_tasks() == []


def test_another_practice_has_another_inbox(world: World, thread: Thread) -> None:
    other = making.patient()
    stranger = signed_in(factories.staff(other.site, "front_desk"))
    assert stranger.get(f"/inbox/{thread.pk}/").status_code == 404
    assert "Nothing waits" in stranger.get("/inbox/").content.decode()
    monitor = signed_in(world.clinic.monitor)
    assert monitor.get(f"/inbox/{thread.pk}/").status_code == 200
    assert send(monitor, thread, "handled") == 403
