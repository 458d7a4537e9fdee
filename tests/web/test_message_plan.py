"""Which messages go, and when, chosen on a page: what is built in beside each value, what is refused."""

import re

import pytest
from django.test import Client

from clinic.practice import queries
from notifications.models import KindTerm, Message, Replan
from notifications.planning import practice_terms, preferences
from notifications.planning.policy import EXEMPTION, Caps
from notifications.planning.terms import CHOICES, NEEDS_REASON, Term
from tests import factories
from tests.web.conftest import World, signed_in

PAGE = "/set-up/messages/plan/"
ALL = {"part": "all", "opens": "", "closes": "", "channels": "", "per_day": "", "per_week": ""}


@pytest.fixture
def admin(world: World) -> Client:
    return signed_in(world.staff("practice_admin"))


def held(world: World) -> dict[str, Term]:
    actor = queries.actor_of(staff=world.staff("practice_admin"))
    return {kind: term for kind, term in practice_terms.held(actor=actor).terms.items() if term != Term()}


def version(client: Client, part: str) -> str:
    page = client.get(PAGE).content.decode()
    found = re.search(
        rf'name="part" value="{part}">\s*<input type="hidden" name="version" value="([^"]*)"', page
    )
    assert found
    return found[1]


def test_each_message_is_there_with_what_is_built_in(admin: Client) -> None:
    page = admin.get(PAGE).content.decode()
    assert page.count("<h3>") == len(CHOICES)
    assert "Built in: 168; 96 to 336." in page
    assert page.count("Why, if it does not go") == len(NEEDS_REASON)
    assert f'href="{PAGE}"' in admin.get("/set-up/messages/").content.decode()


def test_hours_and_what_goes_are_saved_and_shown(admin: Client, world: World) -> None:
    typed = {"part": "kinds", "reminder_72h-hours": "96", "check_in-goes": "off", "version": "0"}
    assert admin.post(PAGE, typed).status_code == 303
    assert held(world) == {"reminder_72h": Term(hours=96), "check_in": Term(on=False)}
    assert Replan.objects.count() == 1
    page = admin.get(PAGE).content.decode()
    assert 'value="96" placeholder="72"' in page
    assert re.search(r'name="check_in-goes".*?value="off" selected', page)
    # Blank is what is built in.
    back = {"part": "kinds", "version": version(admin, "kinds")}
    assert admin.post(PAGE, back).status_code == 303
    assert held(world) == {}


def test_the_last_reminder_is_not_switched_off_without_a_reason(admin: Client, world: World) -> None:
    typed = {"part": "kinds", "reminder_24h-goes": "off", "version": "0"}
    answer = admin.post(PAGE, typed)
    assert answer.status_code == 422
    assert "Say why nobody is reminded" in answer.content.decode()
    assert re.search(r'name="reminder_24h-goes".*?value="off" selected', answer.content.decode())
    assert not KindTerm.objects.exists()
    assert admin.post(PAGE, typed | {"reminder_24h-reason": "We telephone."}).status_code == 303
    assert held(world) == {"reminder_24h": Term(on=False, reason="We telephone.")}


@pytest.mark.parametrize("hours", ["35", "169", "-1", "7.5", "many"])
def test_hours_that_cannot_be_are_refused_beside_their_message(admin: Client, hours: str) -> None:
    answer = admin.post(PAGE, {"part": "kinds", "reminder_72h-hours": hours, "version": "0"})
    assert answer.status_code == 422
    assert 'id="reminder_72h-told"' in answer.content.decode()
    assert not KindTerm.objects.exists()


def test_whoever_saves_what_somebody_else_has_changed_is_told(admin: Client) -> None:
    typed = {"part": "kinds", "version": "0"}
    assert admin.post(PAGE, typed | {"no_show-goes": "off"}).status_code == 303
    answer = admin.post(PAGE, typed | {"check_in-goes": "off"})
    assert answer.status_code in (409, 422)
    assert "changed since this page was opened" in answer.content.decode()


def test_what_holds_for_all_is_saved_beside_the_other_settings(admin: Client, world: World) -> None:
    practice = world.clinic.practice
    practice.settings = {"region": "US"}
    practice.save(update_fields=["settings"])
    typed = ALL | {"opens": "10:00", "channels": "email,sms", "per_day": "2", "per_week": "5"}
    assert admin.post(PAGE, typed | {"version": version(admin, "all")}).status_code == 303
    practice.refresh_from_db()
    read = preferences.of(practice)
    assert practice.settings["region"] == "US"
    assert (f"{read.window.opens:%H:%M}", f"{read.window.closes:%H:%M}") == ("10:00", "20:00")
    assert (read.caps, read.channels, read.merges) == (Caps(2, 5), ("email", "sms"), False)
    assert Replan.objects.count() == 1
    kept = ALL | {"merge_visits": "1", "relies_on_exemption": "1", "version": version(admin, "all")}
    assert admin.post(PAGE, kept).status_code == 303
    practice.refresh_from_db()
    assert preferences.of(practice) == preferences.Preferences(caps=EXEMPTION)


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({"opens": "07:00"}, "Must lie between 08:00 and 21:00."),
        ({"opens": "19:30"}, "Must be open for at least 60 minutes."),
        ({"per_day": "some"}, "Must be a whole number from 1 to 10."),
        (
            {"per_week": "4", "relies_on_exemption": "1"},
            "At most 3 while the practice relies on the exemption.",
        ),
        ({"channels": "letter"}, "Must be one of"),
    ],
)
def test_what_the_law_or_sense_forbids_is_refused(admin: Client, typed: dict[str, str], told: str) -> None:
    answer = admin.post(PAGE, ALL | {"merge_visits": "1", "version": version(admin, "all")} | typed)
    assert answer.status_code == 422
    assert told in answer.content.decode()


def test_what_a_patient_would_get_is_a_click_away(admin: Client, world: World) -> None:
    found = re.search(r'href="([^"]*)">What the next patient gets', admin.get(PAGE).content.decode())
    assert found
    assert admin.get(found[1]).status_code == 200


def test_others_look_and_change_nothing(world: World) -> None:
    desk = signed_in(world.staff("front_desk"))
    page = desk.get(PAGE).content.decode()
    assert "Only a practice administrator" in page
    assert "Save each message" not in page
    assert desk.post(PAGE, {"part": "kinds", "version": "0"}).status_code == 403


def looked(client: Client, world: World, **typed: str) -> str:
    asked = {"preview": "1", "protocol": str(world.clinic.version.template_id), "version": "7", **typed}
    answer = client.post(PAGE, asked)
    assert answer.status_code == 200, answer.content.decode()
    return answer.content.decode().partition('id="sample"')[2].partition("</section>")[0]


def test_what_a_patient_would_get_is_shown_by_what_is_typed_and_not_saved(
    admin: Client, world: World
) -> None:
    messages = Message.objects.count()
    typed = {"part": "kinds", "reminder_24h-hours": "30", "check_in-goes": "off"}
    told = looked(admin, world, **typed)
    assert "Reminder, 1 day before" in told
    assert "The practice has it switched off" in told
    assert looked(admin, world, part="kinds").count("switched off") == 0
    # The clocks of the last reminder are others, and what was typed stands in its field.
    assert told != looked(admin, world, part="kinds")
    page = admin.post(PAGE, {"preview": "1", "protocol": str(world.clinic.version.template_id), **typed})
    assert 'value="30" placeholder="24"' in page.content.decode()
    assert held(world) == {}
    assert not Replan.objects.exists()
    assert Message.objects.count() == messages


def test_a_limit_is_seen_before_it_is_set(admin: Client, world: World) -> None:
    assert "limit" not in looked(admin, world, **ALL, merge_visits="on")
    told = looked(admin, world, **{**ALL, "per_week": "1"}, merge_visits="on")
    assert "Enough messages" in told or "limit" in told
    assert "E-mail" not in looked(admin, world, **{**ALL, "channels": "sms"}, merge_visits="on")
    assert queries.practice(actor=queries.actor_of(staff=world.staff("practice_admin"))).settings == {}


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({"part": "kinds", "reminder_24h-hours": "soon"}, "A whole number of hours"),
        ({"part": "kinds", "reminder_24h-hours": "99"}, "Must be from 12 to 30."),
        ({"part": "kinds", "reminder_24h-goes": "off"}, "Say why nobody is reminded"),
        ({**ALL, "per_day": "99"}, "10"),
        ({"part": "kinds", "protocol": ""}, "Choose a protocol"),
    ],
)
def test_what_cannot_be_kept_is_not_shown(
    admin: Client, world: World, typed: dict[str, str], told: str
) -> None:
    protocol = {"protocol": str(world.clinic.version.template_id)}
    answer = admin.post(PAGE, {"preview": "1", **protocol, **typed})
    assert answer.status_code == 422
    assert told in answer.content.decode()
    assert 'id="sample"' not in answer.content.decode()


def test_whoever_only_looked_does_not_undo_what_another_saved(admin: Client, world: World) -> None:
    first = version(admin, "kinds")
    assert admin.post(PAGE, {"part": "kinds", "check_in-goes": "off", "version": first}).status_code == 303
    typed = {"preview": "1", "part": "kinds", "version": first}
    page = admin.post(PAGE, {**typed, "protocol": str(world.clinic.version.template_id)}).content.decode()
    assert f'name="version" value="{first}"' in page
    assert admin.post(PAGE, {"part": "kinds", "version": first}).status_code == 422
    assert held(world) == {"check_in": Term(on=False)}


def test_whoever_may_not_change_the_plan_may_look(desk: Client, world: World) -> None:
    assert "Reminder, 1 day before" in looked(desk, world, part="kinds")


def test_a_protocol_of_groups_has_no_sample(admin: Client, world: World) -> None:
    groups = factories.protocol(world.clinic.practice, "roots_to_thrive_group")
    told = looked(admin, world, part="kinds", protocol=str(groups.template_id))
    assert "Groups meet in sessions that are made by hand" in told
