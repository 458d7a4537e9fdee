"""What a practice may set is what somebody reads, and what is set takes effect at once."""

import dataclasses
from datetime import time, timedelta

import pytest

from clinic.practice import directory, practice_settings
from clinic.practice.errors import Invalid
from notifications.planning import policy, preferences
from scheduling.followups import gaps, owners, reconcile
from scheduling.followups.rules import SeverityHours
from scheduling.planning.values import Weights
from tests import factories
from tests.scheduling.booking import booked


def names(kind: type) -> set[str]:
    return {field.name for field in dataclasses.fields(kind)}


def test_the_names_are_those_that_the_planner_and_the_follow_ups_read() -> None:
    assert set(practice_settings.TABLE) == {
        "planner_weights",
        "severity_hours",
        "messages",
        "holds",
        "security",
        "follow_ups",
        "region",
    }
    assert set(practice_settings.TABLE["planner_weights"]) == names(Weights)
    assert set(practice_settings.TABLE["severity_hours"]) == names(SeverityHours)


@pytest.mark.django_db
def test_every_default_may_be_set() -> None:
    window = policy.SendWindow()
    messages = {"send_window": [f"{window.opens:%H:%M}", f"{window.closes:%H:%M}"]}
    ours = factories.practice(
        planner_weights=dataclasses.asdict(Weights()),
        severity_hours=dataclasses.asdict(SeverityHours()),
        messages={**messages, "relies_on_exemption": False},
    )
    assert preferences.of(ours) == preferences.Preferences()


def test_the_names_of_owners_are_those_that_the_follow_ups_read() -> None:
    assert practice_settings.OWNERS == owners.CHOICES
    assert set(practice_settings.TABLE["follow_ups"]) == {"owner", "escalate_hours", "self_booking"}


@pytest.mark.django_db
def test_each_message_setting_is_read() -> None:
    assert set(practice_settings.TABLE["messages"]) == {
        "send_window",
        "relies_on_exemption",
        "per_day",
        "per_week",
        "channels",
        "merge_visits",
    }
    chosen = {"send_window": ["10:00", "18:30"], "relies_on_exemption": True}
    read = preferences.of(factories.practice(messages=chosen))
    assert read.window == policy.SendWindow(time(10), time(18, 30))
    assert read.caps == policy.EXEMPTION
    chosen = {"per_day": 2, "per_week": None, "channels": "email,sms", "merge_visits": False}
    read = preferences.of(factories.practice(messages=chosen))
    assert (read.caps, read.channels, read.merges) == (policy.Caps(per_day=2), ("email", "sms"), False)


def test_the_caps_and_the_channels_are_those_that_messages_know() -> None:
    exemption = policy.EXEMPTION
    assert {"per_day": exemption.per_day, "per_week": exemption.per_week} == practice_settings.EXEMPT
    named = {channel for order in practice_settings.CHANNELS for channel in order.split(",")}
    assert named == set(preferences.PREFERENCE)


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("messages", "wrong"),
    [
        ({"per_day": 0}, "per_day"),
        ({"per_day": 11}, "per_day"),
        ({"per_week": 51}, "per_week"),
        ({"per_week": "3"}, "per_week"),
        ({"channels": "letter"}, "channels"),
        ({"merge_visits": "no"}, "merge_visits"),
        ({"relies_on_exemption": True, "per_day": 2}, "per_day"),
        ({"relies_on_exemption": True, "per_week": 4}, "per_week"),
    ],
)
def test_what_may_not_be_set_of_messages_is_named(messages: dict[str, object], wrong: str) -> None:
    clinic = factories.small_clinic()
    changes = {"settings": {"messages": messages}}
    with pytest.raises(Invalid) as refused:
        directory.update_practice(actor=clinic.admin, changes=changes, now=factories.NOW)
    assert set(refused.value.fields) == {f"settings.messages.{wrong}"}


@pytest.mark.django_db
def test_other_hours_of_severity_are_swept_into_what_is_stored() -> None:
    clinic = factories.small_clinic()
    course = booked.book(clinic, skip=("integration-1",))
    now = booked.visit(course, "dose-1").start - timedelta(hours=60)
    gaps.sweep(now=now)
    assert booked.gap_of(course, "dose-1").severity == "low"
    changes = {"settings": {"severity_hours": {"dose": 72}}}
    directory.update_practice(actor=clinic.admin, changes=changes, now=now)
    assert not list(reconcile.differences(now=now)), "what waits for the sweep is not an error"
    assert gaps.sweep(now=now) > 0
    assert booked.gap_of(course, "dose-1").severity == "moderate"
    assert not list(reconcile.differences(now=now))
    assert gaps.sweep(now=now) == 0


@pytest.mark.django_db
def test_another_name_of_the_practice_moves_no_follow_up() -> None:
    clinic = factories.small_clinic()
    booked.book(clinic)
    directory.update_practice(actor=clinic.admin, changes={"name": "Renamed"}, now=factories.NOW)
    assert gaps.sweep(now=factories.NOW) == 0


@pytest.mark.django_db
def test_another_clock_of_a_site_is_swept_into_what_is_stored() -> None:
    clinic = factories.small_clinic()
    booked.book(clinic, skip=("integration-1",))
    changes = {"time_zone": "America/Los_Angeles"}
    directory.update_site(actor=clinic.admin, site_id=clinic.site.pk, changes=changes, now=factories.NOW)
    assert gaps.sweep(now=factories.NOW) > 0
    assert not list(reconcile.differences(now=factories.NOW))
