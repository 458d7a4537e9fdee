"""What is printed or handed on of a course of substance-use treatment says that it may not be passed on."""

import pytest
from django.test import Client

from scheduling.booking.reading.rows import REDISCLOSURE
from scheduling.models import TreatmentCourse
from tests.api.conftest import program
from tests.web.conftest import World


@pytest.fixture(params=[True, False], ids=["marked", "another"])
def marked(world: World, request: pytest.FixtureRequest) -> bool:
    TreatmentCourse.objects.filter(pk=world.course.pk).update(sensitive_sud=request.param)
    return bool(request.param)


def test_r_20_the_pages_of_a_marked_course_carry_the_notice(world: World, desk: Client, marked: bool) -> None:
    for part in ("", "messages/"):
        page = desk.get(f"/courses/{world.course.pk}/{part}").content.decode()
        assert (REDISCLOSURE in page) is marked, part


def test_r_20_programs_are_handed_it_with_the_course(world: World, marked: bool) -> None:
    api = program(world.clinic.practice)
    for told in (
        api.get(f"courses/{world.course.pk}/").json(),
        *api.get("courses/").json()["results"],
    ):
        assert told["redisclosure_notice"] == (REDISCLOSURE if marked else "")


def test_r_20_what_the_patient_keeps_does_not_tell_what_is_treated(
    world: World, desk: Client, marked: bool
) -> None:
    page = desk.get(f"/courses/{world.course.pk}/booked/").content.decode()
    assert "42 CFR" not in page
