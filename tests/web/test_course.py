"""One course's page: its drawing, its lists, its story."""

import re
from datetime import timedelta

from django.test import Client

from patients.models import EligibilityDecision
from tests.scheduling.booking import booked
from tests.web.conftest import World, signed_in


def page_of(client: Client, world: World) -> str:
    return client.get(f"/courses/{world.course.pk}/").content.decode()


def test_the_course_is_told_whole(world: World, desk: Client) -> None:
    page = page_of(desk, world)
    assert str(world.clinic.patient) in page
    assert "0 of 6 doses given" in page
    assert "5 booked · 1 to book" in page
    for number in range(1, 7):
        assert f"dose {number} of 6" in page
    assert "Integration 1" in page
    assert "Acute series" in page


def test_the_drawing_holds_each_dose_and_each_window(world: World, desk: Client) -> None:
    page = page_of(desk, world)
    assert len(re.findall(r'class="mark tone-\w+"><title>Dose', page)) == 6
    assert len(re.findall(r'class="band tone-\w+"><title>', page)) == 6
    assert len(re.findall(r"<title>Follow-up booked: ", page)) == 5
    assert "<title>No follow-up yet: " in page


def test_the_drawing_is_told_in_words_as_well(world: World, desk: Client) -> None:
    page = page_of(desk, world)
    assert 'role="img" aria-labelledby="timeline-title"' in page
    assert "The visits are listed below." in page


def test_what_was_given_and_lost_shows(world: World, desk: Client) -> None:
    booked.give(world.clinic, world.dose)
    page = page_of(desk, world)
    assert "1 of 6 doses given" in page
    assert "discharged" in page


def test_messages_tell_what_will_be_sent(world: World, desk: Client) -> None:
    page = page_of(desk, world)
    assert "Will be sent" in page
    assert "Reminder, 1 day before" in page


def test_the_story_tells_who_did_what_and_why(world: World, desk: Client) -> None:
    desk.post(f"/visits/{world.dose.pk}/cancel/", {"reason": "Patient has a fever"})
    page = page_of(desk, world)
    assert "Patient has a fever" in page
    assert world.clinic.front_desk.display_name in page


def test_overrides_are_shown_with_their_reason(world: World, lead: Client) -> None:
    assert "Overrides" not in page_of(lead, world)
    EligibilityDecision.objects.all().delete()
    told = {"rule": "S-01", "override_reason": "Decided by phone"}
    lead.post(f"/visits/{world.dose.pk}/check_in/", told)
    page = page_of(lead, world)
    assert "Overrides" in page
    assert "Decided by phone" in page


def test_a_course_without_visits_says_so(world: World, desk: Client) -> None:
    for visit in world.course.appointments.exclude(status="cancelled"):
        booked.move(world.clinic, visit.pk, "cancel", now=world.now, reason="Called off")
    page = page_of(desk, world)
    assert "Nothing is planned yet" in page


def test_the_page_costs_the_same_however_long_the_course(
    world: World, desk: Client, django_assert_max_num_queries: object
) -> None:
    with django_assert_max_num_queries(40):  # type: ignore[operator]
        page_of(desk, world)


def test_every_role_reads_the_same_course(world: World) -> None:
    for staff in (world.clinic.monitor, world.clinic.prescriber):
        assert "Timeline" in page_of(signed_in(staff), world)


def test_a_late_entry_tells_when_it_happened_and_when_it_was_entered(world: World, desk: Client) -> None:
    written = world.dose.end + timedelta(hours=5)
    booked.move(world.clinic, world.dose.pk, "check_in", now=written, at=world.dose.start)
    page = page_of(desk, world)
    line = re.search(r"<li>(?:(?!<li>).)*Dose 1 checked in.*?</li>", page)
    assert line is not None
    assert f">Mon 11 May, {world.dose.local_time:%H:%M}</time>" in line[0]
    assert re.search(r"entered <time [^>]+>Mon 11 May, \d\d:\d\d</time>", line[0])


def test_what_the_rule_concludes_is_nobodys_fault_and_names_its_dose(world: World, desk: Client) -> None:
    visit = world.visit("integration-1")
    desk.post(f"/visits/{visit.pk}/cancel/", {"reason": "Patient has a fever"})
    page = page_of(desk, world)
    owed = re.search(r"<b>Follow-up owed \(after dose 1\)</b>(.*?)</li>", page)
    assert owed is not None
    assert "by the follow-up rule" in owed[1]
    assert world.clinic.front_desk.display_name not in owed[1]


def test_a_waiver_stays_the_act_of_who_waived(world: World) -> None:
    therapist = world.clinic.therapists[0]
    client = signed_in(therapist)
    client.post(f"/follow-ups/{world.gap.pk}/waive/", {"reason": "Sees a therapist elsewhere"})
    waived = re.search(r"<b>Follow-up waived \(after dose 3\)</b>: Sees(.*?)</li>", page_of(client, world))
    assert waived is not None
    assert therapist.display_name in waived[1]


def test_a_dose_beyond_the_plan_is_counted_beside_it(world: World, desk: Client) -> None:
    world.course.phases.filter(planned_sessions=6).update(planned_sessions=5)
    page = page_of(desk, world)
    assert "dose 6 (5 planned)" in page
    assert "6 booked (5 planned)" in page
    assert "dose 5 of 5" in page


def test_other_visits_are_told_apart_by_the_letters_of_the_legend(world: World, desk: Client) -> None:
    page = page_of(desk, world)
    marked = set(re.findall(r'text-anchor="middle">([A-Z])\d*</text>', page))
    assert marked == set(re.findall(r"([A-Z]) (?:preparation|therapy|plan review|medication review)", page))
    assert marked
