"""The page and the drawer that say why something does not fit."""

import pytest
from django.test import Client

from tests.web.conftest import World


def address(world: World, **asked: object) -> str:
    told = {"site": world.clinic.site.pk, "start": "2026-05-13T07:00:00Z", **asked}
    return "/why-not/?" + "&".join(f"{name}={value}" for name, value in told.items())


def test_it_says_rule_by_rule_and_who_may_set_it_aside(world: World, desk: Client) -> None:
    page = desk.get(address(world, visit=world.visit("dose-2").pk)).content.decode()
    assert "It does not fit" in page
    assert "on shift then" in page
    assert "With a reason it may be set aside by a clinical lead" in page
    assert "The nearest time that fits" in page


def test_a_drawer_gets_the_part_alone(world: World, desk: Client) -> None:
    answer = desk.get(address(world), headers={"HX-Request": "true"})
    assert "<html" not in answer.content.decode()


def test_a_free_slot_has_nothing_in_its_way(world: World, desk: Client) -> None:
    free = world.clinic.therapists[1].pk
    page = desk.get(address(world, practitioner=free, start="2026-07-13T14:00:00Z")).content.decode()
    assert "Nothing stands in the way" in page


@pytest.mark.parametrize(
    "asked",
    [
        {"start": "soon"},
        {"start": "2026-05-13T07:00:00"},
        {"site": ""},
        {"visit": "x"},
        {"start": "2090-01-01T00:00:00Z"},
    ],
)
def test_an_address_that_means_nothing_is_not_found(
    world: World, desk: Client, asked: dict[str, str]
) -> None:
    assert desk.get(address(world, **asked)).status_code == 404
