"""What is done with a course as a whole, from its page: who may, and that nobody is overwritten."""

import html
import re
from datetime import timedelta
from typing import Any

from django.test import Client

from clinic.practice import work
from patients.models import Measure
from scheduling.booking.course import pauses
from scheduling.models import TreatmentCourse
from tests import factories
from tests.web.conftest import World, signed_in
from tests.web.patient.conftest import text_of


def page_of(client: Client, world: World) -> str:
    return client.get(f"/courses/{world.course.pk}/").content.decode()


def do(client: Client, world: World, verb: str, **form: Any) -> Any:
    return client.post(f"/courses/{world.course.pk}/{verb}/", form)


def status(world: World) -> str:
    return TreatmentCourse.objects.get(pk=world.course.pk).status


def test_a_course_is_paused_and_goes_on(world: World, desk: Client) -> None:
    until = (world.now + timedelta(days=10)).date().isoformat()
    assert do(desk, world, "pause", reason="The patient travels", until=until).status_code == 303
    assert status(world) == "paused"
    page = page_of(desk, world)
    assert "The patient travels" in page
    assert f'action="/courses/{world.course.pk}/resume/"' in page
    assert f'action="/courses/{world.course.pk}/pause/"' not in page
    assert do(desk, world, "resume", reason="Back").status_code == 303
    assert status(world) == "active"


def test_it_is_cancelled_with_a_reason_of_the_list_and_reopened(world: World, desk: Client) -> None:
    refused = do(desk, world, "cancel", reason="", reason_code="")
    assert refused.status_code == 422
    assert "Say why" in text_of(refused)
    assert re.search(r'id="do-cancel" open', refused.content.decode())
    assert do(desk, world, "cancel", reason_code="cost").status_code == 303
    assert status(world) == "stopped"
    assert "the patient cannot pay for it" in page_of(desk, world)
    assert do(desk, world, "reopen", reason="Relapse").status_code == 303
    assert status(world) == "active"


def test_a_prescriber_decides_a_review_and_it_is_read_on_the_page(world: World) -> None:
    prescriber = signed_in(world.clinic.prescriber)
    form = {"decision": "continue", "reason": "Responds well"}
    assert do(prescriber, world, "review", **form).status_code == 303
    page = page_of(prescriber, world)
    told = re.search(r"<b>Go on as planned[^<]*</b>(.*?)</li>", page, re.DOTALL)
    assert told is not None
    assert "Responds well" in told[1]
    assert world.clinic.prescriber.display_name in told[1]


def test_only_who_may_decide_is_offered_to(world: World, desk: Client) -> None:
    page = page_of(desk, world)
    assert "Decide how it goes on" not in page
    assert "Cancel the course" in page
    assert do(desk, world, "review", decision="continue", reason="x").status_code == 403
    operator = signed_in(world.staff("operator"))
    assert "The course as a whole" not in page_of(operator, world)
    assert do(operator, world, "pause", reason="x").status_code == 403
    assert status(world) == "active"


def test_two_people_are_told_and_nothing_is_overwritten(world: World, desk: Client) -> None:
    version = re.search(r'id="do-pause".*?name="version" value="(\d+)"', page_of(desk, world), re.DOTALL)
    assert version is not None
    pauses.pause(
        actor=factories.actor(world.clinic.practice, "prescriber"),
        course_id=world.course.pk,
        reason="Tests",
        now=world.now,
    )
    answer = do(desk, world, "cancel", version=version[1], reason_code="cost", reason="Asked by phone")
    assert answer.status_code == 409
    assert "changed since this page was opened" in text_of(answer)
    assert 'value="Asked by phone"' in answer.content.decode()
    assert status(world) == "paused"


def test_a_change_by_somebody_else_is_told_on_the_open_page(world: World, desk: Client) -> None:
    found = re.search(r'hx-get="(/courses/[^"]+/changed/\?since=\d+)"', page_of(desk, world))
    assert found is not None
    assert "Changed meanwhile" not in desk.get(found[1]).content.decode()
    do(desk, world, "pause", reason="The patient travels")
    assert "Changed meanwhile" not in desk.get(found[1]).content.decode()
    other = world.staff("clinical_lead")
    do(signed_in(other), world, "resume", reason="Back")
    told = text_of(desk.get(found[1]))
    assert f"Changed meanwhile by {other.display_name}" in told


def test_a_day_at_the_ends_of_the_calendar_is_refused(world: World, desk: Client) -> None:
    world.course.site.__class__.objects.update(time_zone="Asia/Tokyo")
    for day in ("0001-01-01", "9999-12-31"):
        assert do(desk, world, "pause", reason="x", until=day).status_code == 422, day


def test_a_strange_since_is_none(world: World, desk: Client) -> None:
    for since in ("", "x", "-1", "9" * 40, "٣"):
        assert desk.get(f"/courses/{world.course.pk}/changed/?since={since}").status_code == 200, since


def test_what_was_given_up_and_is_not_back_is_said(world: World, desk: Client) -> None:
    do(desk, world, "pause", reason="The patient travels")
    TreatmentCourse.objects.filter(pk=world.course.pk).update(status="active")
    assert "that the course gave up" in text_of(desk.get(f"/courses/{world.course.pk}/"))


def test_a_course_in_error_keeps_what_was_typed_when_it_is_refused(world: World, desk: Client) -> None:
    typed = '<script>"x"</script>'
    answer = do(desk, world, "enter_in_error", version="999", reason=typed)
    assert answer.status_code == 409
    assert "<script>" not in answer.content.decode().replace('<script src="', "")
    assert "&lt;script&gt;" in answer.content.decode()
    assert do(desk, world, "enter_in_error", reason="Booked twice").status_code == 303
    assert status(world) == "entered_in_error"


def test_an_act_that_is_none_is_not_there(world: World, desk: Client) -> None:
    for verb in ("activate", "ask_review", "nothing"):
        assert do(desk, world, verb, reason="x").status_code == 404


# --- scores -----------------------------------------------------------------------------------------------
def test_a_score_is_entered_once_and_drawn(world: World, desk: Client) -> None:
    for day, score in ((8, 20), (1, 14)):
        Measure.objects.create(
            patient=world.clinic.patient,
            code="PHQ-9",
            score=score,
            taken_at=world.now - timedelta(days=day),
            recorded_by=f"staff:{world.clinic.prescriber.pk}",
        )
    page = page_of(desk, world)
    assert "20 at first, 14 now: 30 % less" in page
    key = re.search(r'name="key" value="([^"]+)"', page)
    assert key is not None
    for _ in range(2):
        assert do(desk, world, "score", code="PHQ-9", score="4", key=key[1]).status_code == 303
    page = page_of(desk, world)
    assert Measure.objects.count() == 3
    assert "20 at first, 4 now: 80 % less, a remission (below 5)" in page
    assert page.count("<circle") >= 3
    assert "no risk" not in page


def test_a_score_out_of_its_range_is_refused_and_kept(world: World, desk: Client) -> None:
    for score in ("28", "-1", "x", "", "NaN", "1e400", "<b>"):
        answer = do(desk, world, "score", code="PHQ-9", score=score)
        assert answer.status_code == 422, score
        assert "from 0 to 27" in text_of(answer)
        assert f'value="{html.escape(score)}"' in answer.content.decode()
    assert not Measure.objects.exists()


def test_what_is_asked_about_the_course_stands_on_it(world: World, desk: Client) -> None:
    work.raise_item(
        practice_id=world.clinic.practice.pk,
        kind="course_to_replan",
        dedupe_key="x",
        subject_kind="course",
        subject_id=world.course.pk,
        patient_id=world.clinic.patient.pk,
        role="front_desk",
        reason="Make a new plan.",
        due_at=world.now,
    )
    assert "Make a new plan." in page_of(desk, world)
