"""Changing the place and its people."""

from datetime import UTC, datetime, time, timedelta

import pytest

from clinic.practice import directory, people, queries
from clinic.practice.errors import Invalid, NotAllowed, NotFound, Stale
from clinic.practice.idempotency import Key
from clinic.practice.models import Closure, OpeningHours, Practice, Room, Site, StaffMember, TrailEntry
from tests import factories

pytestmark = pytest.mark.django_db
NOW = factories.NOW


@pytest.fixture
def ours():
    return factories.practice()


@pytest.fixture
def boss(ours):
    return factories.admin(ours)


@pytest.fixture
def site(ours):
    return factories.site(ours)


def refused_fields(call, **asked) -> set[str]:
    with pytest.raises(Invalid) as refused:
        call(**asked)
    return set(refused.value.fields)


# --- practice -------------------------------------------------------------------------------------------
def test_a_practice_is_changed_by_its_admin_only(ours, boss):
    tag = queries.practice_tag(practice=ours)
    asked = {"changes": {"name": "Renamed", "settings": {"region": "GB"}}, "now": NOW}
    changed = directory.update_practice(actor=boss, version=tag, **asked)
    assert (changed.name, changed.settings) == ("Renamed", {"region": "GB"})
    with pytest.raises(Stale):
        directory.update_practice(actor=boss, version=tag, **asked)
    with pytest.raises(NotAllowed):
        directory.update_practice(actor=factories.actor(ours, "front_desk"), **asked)


def test_a_phone_number_is_read_in_the_practices_region(boss):
    changes = {"settings": {"region": "GB"}, "phone": "020 7946 0123"}
    assert directory.update_practice(actor=boss, changes=changes, now=NOW).phone == "+442079460123"


WEIGHTS, HOURS, MESSAGES = "settings.planner_weights", "settings.severity_hours", "settings.messages"


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"planner_weights": {"spacing_day": "a"}}, f"{WEIGHTS}.spacing_day"),
        ({"planner_weights": {"spacing_day": True}}, f"{WEIGHTS}.spacing_day"),
        ({"planner_weights": {"spacing_day": 1.5}}, f"{WEIGHTS}.spacing_day"),
        ({"planner_weights": {"spacing_day": -1}}, f"{WEIGHTS}.spacing_day"),
        ({"planner_weights": {"spacing_day": 10**9}}, f"{WEIGHTS}.spacing_day"),
        ({"planner_weights": {"elegance": 1}}, f"{WEIGHTS}.elegance"),
        ({"planner_weights": [1]}, WEIGHTS),
        ({"severity_hours": {"x": 1}}, f"{HOURS}.x"),
        ({"severity_hours": {"closing": None}}, f"{HOURS}.closing"),
        ({"severity_hours": {"closing": float("nan")}}, f"{HOURS}.closing"),
        ({"severity_hours": {"dose": 721}}, f"{HOURS}.dose"),
        ({"severity_hours": "24"}, HOURS),
        ({"messages": {"send_window": ["07:00", "20:00"]}}, f"{MESSAGES}.send_window"),
        ({"messages": {"send_window": ["09:00", "21:01"]}}, f"{MESSAGES}.send_window"),
        ({"messages": {"send_window": ["12:00", "12:30"]}}, f"{MESSAGES}.send_window"),
        ({"messages": {"send_window": ["20:00", "09:00"]}}, f"{MESSAGES}.send_window"),
        ({"messages": {"send_window": ["09:00+02:00", "20:00"]}}, f"{MESSAGES}.send_window"),
        ({"messages": {"send_window": ["9", "20:00"]}}, f"{MESSAGES}.send_window"),
        ({"messages": {"send_window": "09:00"}}, f"{MESSAGES}.send_window"),
        ({"messages": {"relies_on_exemption": "yes"}}, f"{MESSAGES}.relies_on_exemption"),
        ({"region": "us"}, "settings.region"),
        ({"region": ["US"]}, "settings.region"),
        ({"colour": "blue"}, "settings.colour"),
        ([], "settings"),
    ],
    ids=str,
)
def test_settings_that_nothing_could_read_are_refused_where_they_stand(ours, boss, settings, field):
    asked = {"changes": {"name": "Renamed", "settings": settings}, "now": NOW}
    assert refused_fields(directory.update_practice, actor=boss, **asked) == {field}
    stored = Practice.objects.get(pk=ours.pk)
    assert (stored.name, stored.settings) == (ours.name, {})
    made = {"name": "New", "message_name": "New", "settings": settings or [1], "now": NOW}
    assert refused_fields(directory.create_practice, **made) == {field}


def test_every_setting_can_be_set(boss):
    chosen = {
        "planner_weights": {"spacing_day": 0, "finish_day": 1000},
        "severity_hours": {"closing": 12, "dose": 36.5},
        "messages": {"send_window": ["08:00", "21:00"], "relies_on_exemption": True},
        "region": "GB",
    }
    changed = directory.update_practice(actor=boss, changes={"settings": chosen}, now=NOW)
    assert changed.settings == chosen


def test_a_bad_practice_is_not_made():
    wrong = {"name": " ", "message_name": "x" * 41, "phone": "not a phone", "now": NOW}
    assert refused_fields(directory.create_practice, **wrong) == {"name", "message_name", "phone"}
    assert not Practice.objects.exists()


# --- sites ----------------------------------------------------------------------------------------------
def test_a_site_with_hours_leaves_a_trail(boss):
    hours = [
        {"weekday": 1, "opens": time(8), "closes": time(12)},
        {"weekday": 1, "opens": time(13), "closes": time(17)},
    ]
    made = directory.create_site(actor=boss, name="North", time_zone="America/Denver", hours=hours, now=NOW)
    assert [(row.opens, row.closes) for row in made.hours.all()] == [
        (time(8), time(12)),
        (time(13), time(17)),
    ]
    entry = TrailEntry.objects.get(subject_id=made.pk)
    assert (entry.verb, entry.subject_kind, entry.at) == ("create", "site", NOW)


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"name": 7}, "name"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"time_zone": None}, "time_zone"),
        ({"grid_minutes": 7}, "grid_minutes"),
        ({"grid_minutes": []}, "grid_minutes"),
        ({"phone": "555"}, "phone"),
        ({"hours": [{"weekday": 0, "opens": time(8), "closes": time(9)}]}, "hours.0.weekday"),
        ({"hours": [{"weekday": 1, "opens": time(9), "closes": time(8)}]}, "hours.0.closes"),
        ({"hours": [{"weekday": 1}]}, "hours.0"),
        ({"hours": ["always"]}, "hours.0"),
        ({"hours": 7}, "hours"),
        ({"practice": "another"}, "practice"),
    ],
)
def test_a_bad_change_of_a_site_points_at_its_field(site, boss, changes, field):
    assert field in refused_fields(
        directory.update_site, actor=boss, site_id=site.pk, changes=changes, now=NOW
    )
    assert Site.objects.get(pk=site.pk).version == 1


def test_hours_that_overlap_are_refused(site, boss):
    hours = [
        {"weekday": 1, "opens": time(8), "closes": time(12)},
        {"weekday": 1, "opens": time(11), "closes": time(14)},
    ]
    asked = {"actor": boss, "site_id": site.pk, "changes": {"hours": hours}, "now": NOW}
    assert refused_fields(directory.update_site, **asked) == {"hours.1.opens"}
    assert not OpeningHours.objects.exists()


def test_two_sites_cannot_have_one_name_but_two_practices_can(boss, site):
    asked = {"name": site.name, "time_zone": "UTC", "now": NOW}
    assert refused_fields(directory.create_site, actor=boss, **asked) == {"name"}
    assert directory.create_site(actor=factories.admin(factories.practice()), **asked).name == site.name


def test_a_stale_change_is_refused(site, boss):
    asked = {"actor": boss, "site_id": site.pk, "changes": {"name": "New"}, "now": NOW, "version": 1}
    assert directory.update_site(**asked).version == 2
    with pytest.raises(Stale):
        directory.update_site(**asked)


def test_a_repeated_key_makes_one_site(boss):
    asked = {"actor": boss, "name": "Once", "time_zone": "UTC", "now": NOW}
    key = Key(scope="test", value="one", fingerprint="same")
    assert directory.create_site(**asked, key=key).pk == directory.create_site(**asked, key=key).pk
    assert Site.objects.filter(name="Once").count() == 1


# --- rooms ----------------------------------------------------------------------------------------------
def test_a_room_is_a_resource_that_can_be_retired(site, boss):
    made = directory.create_room(actor=boss, site_id=site.pk, name="Chair 1", kind="infusion_chair", now=NOW)
    assert (made.resource.kind, made.resource.practice_id) == ("room", site.practice_id)
    changed = directory.update_room(
        actor=boss, room_id=made.pk, changes={"is_active": False}, now=NOW, version=1
    )
    assert not changed.is_active


def test_a_bad_room_points_at_its_fields(site, boss):
    wrong = {"actor": boss, "site_id": site.pk, "name": "", "kind": "Infusion Chair", "now": NOW}
    assert refused_fields(directory.create_room, **wrong) == {"name", "kind"}
    assert not Room.objects.exists()


# --- closures -------------------------------------------------------------------------------------------
def test_a_closure_is_made_moved_and_lifted(site, boss):
    day = timedelta(days=1)
    made = directory.create_closure(
        actor=boss, site_id=site.pk, starts_at=NOW, ends_at=NOW + day, reason="Holiday", now=NOW
    )
    moved = directory.update_closure(
        actor=boss, closure_id=made.pk, changes={"ends_at": NOW + 2 * day}, now=NOW, version=1
    )
    assert (moved.starts_at, moved.ends_at) == (NOW, NOW + 2 * day)
    directory.delete_closure(actor=boss, closure_id=made.pk, now=NOW, version=2)
    assert not Closure.objects.exists()
    assert list(TrailEntry.objects.filter(subject_id=made.pk).values_list("verb", flat=True)) == [
        "create",
        "update",
        "delete",
    ]


@pytest.mark.parametrize(
    ("starts_at", "ends_at", "field"),
    [
        (NOW, NOW, "ends_at"),
        (NOW, NOW - timedelta(days=1), "ends_at"),
        (datetime(1, 1, 1, tzinfo=UTC), NOW, "starts_at"),
        (NOW, datetime(9999, 12, 31, tzinfo=UTC), "ends_at"),
        ("yesterday", NOW, "starts_at"),
    ],
)
def test_a_closure_that_cannot_be_points_at_its_field(site, boss, starts_at, ends_at, field):
    assert refused_fields(
        directory.create_closure,
        actor=boss,
        site_id=site.pk,
        starts_at=starts_at,
        ends_at=ends_at,
        now=NOW,
    ) == {field}


def test_a_room_of_another_site_cannot_be_shut_here(site, boss, ours):
    room = factories.room(factories.site(ours))
    with pytest.raises(NotFound):
        directory.create_closure(
            actor=boss,
            site_id=site.pk,
            room_id=room.pk,
            starts_at=NOW,
            ends_at=NOW + timedelta(days=1),
            now=NOW,
        )


# --- people ---------------------------------------------------------------------------------------------
def test_a_member_of_staff_can_sign_in_only_with_a_good_password(site, boss):
    asked = {
        "actor": boss,
        "given_name": "Test",
        "family_name": "Person",
        "roles": ["therapist", "monitor"],
        "home_site_id": site.pk,
        "now": NOW,
    }
    assert refused_fields(people.create_staff_member, username="short", password="too short", **asked) == {
        "password"
    }
    made = people.create_staff_member(username="good", password="a long and odd phrase 7", **asked)
    assert made.check_password("a long and odd phrase 7")
    assert (made.roles, made.resource.kind) == (["monitor", "therapist"], "practitioner")
    assert not people.create_staff_member(username="none", **asked).has_usable_password()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"given_name": ""}, "given_name"),
        ({"email": "nobody"}, "email"),
        ({"roles": ["wizard"]}, "roles"),
        ({"roles": "therapist"}, "roles"),
        ({"skills": ["x" * 51]}, "skills"),
        ({"buffer_minutes": -1}, "buffer_minutes"),
        ({"travel_minutes": True}, "travel_minutes"),
        ({"is_active": "yes"}, "is_active"),
        ({"is_superuser": True}, "is_superuser"),
        ({"password": "a long and odd phrase 7"}, "password"),
    ],
)
def test_a_bad_change_of_a_person_points_at_its_field(site, boss, changes, field):
    member = factories.staff(site, "therapist")
    asked = {"actor": boss, "staff_id": member.pk, "changes": changes, "now": NOW}
    assert field in refused_fields(people.update_staff_member, **asked)
    assert StaffMember.objects.get(pk=member.pk).version == 1


def test_a_username_belongs_to_one_person_everywhere(site, boss):
    member = factories.staff(site, "therapist")
    asked = {"given_name": "A", "family_name": "B", "roles": [], "now": NOW}
    other = factories.admin(factories.practice())
    assert refused_fields(people.create_staff_member, actor=other, username=member.username, **asked) == {
        "username"
    }
    assert refused_fields(people.create_staff_member, actor=boss, username="a b", **asked) == {"username"}


def test_a_user_without_a_practice_or_who_left_is_nobody(site, boss):
    member = factories.staff(site, "therapist")
    assert factories.as_actor(member).roles == {"therapist"}
    member = people.update_staff_member(actor=boss, staff_id=member.pk, changes={"is_active": False}, now=NOW)
    with pytest.raises(NotFound):
        queries.actor_of(staff=member)
    with pytest.raises(NotFound):
        queries.actor_of(staff=StaffMember(username="stray"))


# --- other practices ------------------------------------------------------------------------------------
def test_another_practice_sees_and_changes_nothing(site):
    room, member = factories.room(site), factories.staff(site, "therapist")
    closure = directory.create_closure(
        actor=factories.admin(site.practice),
        site_id=site.pk,
        starts_at=NOW,
        ends_at=NOW + timedelta(days=1),
        now=NOW,
    )
    other = factories.admin(factories.practice())
    for rows in (queries.sites, queries.rooms, queries.practitioners, queries.closures):
        assert not rows(actor=other).exists()
    changing = [
        (directory.update_site, {"site_id": site.pk, "changes": {"name": "Mine"}}),
        (directory.create_room, {"site_id": site.pk, "name": "Mine", "kind": "therapy_room"}),
        (directory.update_room, {"room_id": room.pk, "changes": {"name": "Mine"}}),
        (directory.update_closure, {"closure_id": closure.pk, "changes": {"reason": "Mine"}}),
        (directory.delete_closure, {"closure_id": closure.pk}),
        (people.update_staff_member, {"staff_id": member.pk, "changes": {"roles": []}}),
        (people.set_password, {"staff_id": member.pk, "password": "a long and odd phrase 7"}),
    ]
    for call, asked in changing:
        with pytest.raises(NotFound):
            call(actor=other, now=NOW, **asked)


def test_only_the_permitted_change_the_place(site, ours):
    therapist = factories.actor(ours, "therapist")
    for call, asked in [
        (directory.create_site, {"name": "Mine", "time_zone": "UTC"}),
        (directory.update_site, {"site_id": site.pk, "changes": {"name": "Mine"}}),
        (directory.create_room, {"site_id": site.pk, "name": "Mine", "kind": "therapy_room"}),
    ]:
        with pytest.raises(NotAllowed):
            call(actor=therapist, now=NOW, **asked)
