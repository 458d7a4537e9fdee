"""Where each person's day begins."""

import pytest
from django.test import Client

from clinic.practice.models import StaffMember
from tests import factories
from tests.web.conftest import World, signed_in


def first_page(*roles: str, world: World) -> tuple[StaffMember, str]:
    staff = world.staff(*roles)
    answer = signed_in(staff).get("/")
    assert answer.status_code == 302
    return staff, answer["Location"]


@pytest.mark.parametrize(
    ("roles", "path"),
    [
        (["front_desk"], "/day/"),
        (["front_desk", "therapist", "practice_admin"], "/day/"),
        (["clinical_lead"], "/overview/"),
        (["practice_admin"], "/overview/"),
    ],
)
def test_each_role_begins_where_it_works(world: World, roles: list[str], path: str) -> None:
    assert first_page(*roles, world=world)[1] == path


@pytest.mark.parametrize(
    "roles", [["therapist"], ["prescriber"], ["monitor"], ["clinical_lead", "therapist"]]
)
def test_who_treats_begins_with_their_own_visits(world: World, roles: list[str]) -> None:
    staff, path = first_page(*roles, world=world)
    assert path == f"/roster/?who={staff.pk}"
    assert signed_in(staff).get(path).status_code == 200


def test_a_practice_without_a_course_begins_with_its_checklist(db: None) -> None:
    site = factories.site(factories.practice())
    admin, desk = (factories.staff(site, role) for role in ("practice_admin", "front_desk"))
    assert signed_in(admin).get("/")["Location"] == "/set-up/"
    assert signed_in(desk).get("/", follow=True).status_code == 200


def test_the_name_of_the_practice_leads_home_from_every_page(world: World, desk: Client) -> None:
    page = desk.get("/follow-ups/").content.decode()
    assert f'<a href="/" data-key="g h" data-key-label="Home">{world.clinic.practice.name}</a>' in page
    assert 'href="/overview/"' in page
