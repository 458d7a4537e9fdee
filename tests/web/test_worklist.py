"""The follow-ups that need somebody."""

import html
import re
from datetime import timedelta

import time_machine
from django.test import Client

from scheduling.followups import gaps as stored
from scheduling.models import FollowUpGap, TreatmentCourse
from tests.scheduling.booking import booked
from tests.web import breaking, states
from tests.web.conftest import World, signed_in


def give_up_to(world: World, number: int) -> None:
    for count in range(1, number + 1):
        booked.give(world.clinic, world.visit(f"dose-{count}"))


def gap(world: World) -> FollowUpGap:
    return FollowUpGap.objects.get(pk=world.gap.pk)


def do(client: Client, world: World, verb: str, **typed: str) -> object:
    return client.post(f"/follow-ups/{world.gap.pk}/{verb}/", {"back": "/follow-ups/?show=unbooked", **typed})


def test_a_missing_follow_up_is_listed_with_its_window(world: World, desk: Client) -> None:
    dose = world.visit("dose-3")
    with time_machine.travel(dose.start - timedelta(hours=24)):
        stored.sweep(now=dose.start - timedelta(hours=24))
        page = signed_in(world.clinic.front_desk).get("/follow-ups/").content.decode()
    assert "Follow-up after dose 3" in page
    assert "No follow-up yet" in page
    assert "opens in" in page


def test_nothing_to_do_says_so(world: World, desk: Client) -> None:
    assert "Nothing needs you here" in desk.get("/follow-ups/").content.decode()


def test_filters_are_in_the_address(world: World, desk: Client) -> None:
    assert "Follow-up after dose 3" in desk.get("/follow-ups/?show=unbooked").content.decode()
    assert "Follow-up after" not in desk.get("/follow-ups/?show=unbooked&mine=1").content.decode()
    assert "Follow-up after" not in desk.get("/follow-ups/?show=unbooked&severity=high").content.decode()
    assert (
        "Follow-up after"
        in desk.get(f"/follow-ups/?show=unbooked&site={world.clinic.site.pk}").content.decode()
    )


def test_what_is_lost_first_comes_first_and_what_is_lost_comes_last(world: World) -> None:
    for ref in ("integration-1", "integration-2"):
        booked.move(world.clinic, world.visit(ref).pk, "cancel", now=world.now, reason="Called off")
    lapsed = FollowUpGap.objects.get(course=world.course, doses__appointment__ref="dose-1").grace_until
    assert lapsed is not None
    now = lapsed + timedelta(hours=1)
    booked.give(world.clinic, world.visit("dose-1"))
    while stored.sweep(now=now):
        pass
    with time_machine.travel(now):
        page = signed_in(world.clinic.front_desk).get("/follow-ups/?show=unbooked").content.decode()
    # The second can still be saved in its grace, but the third's window closes before that grace ends.
    order = [page.index(f"after dose {number}<") for number in (3, 2, 1)]
    assert order == sorted(order)
    assert "lost 1 h ago" in page


def test_a_row_s_menu_comes_when_it_is_opened_and_knows_its_list(world: World) -> None:
    therapist = signed_in(world.clinic.therapists[0])
    at = f"/follow-ups/{world.gap.pk}/"
    page = therapist.get("/follow-ups/?show=unbooked&severity=").content.decode()
    asked = re.search(rf'hx-get="({at}more/[^"]*)"', page)
    assert asked is not None
    assert "Why is no follow-up needed?" not in page
    menu = states.look(therapist, html.unescape(asked[1]))
    # Without scripts its place holds the way to the page where the same forms stand.
    assert "Why is no follow-up needed?" in therapist.get(at).content.decode()
    assert f'href="{at}?back=' in page
    form = states.form_on(menu, "follow-up-work", "waive")
    answer = therapist.post(form.action, breaking.filled(form) | {"reason": "Sees somebody elsewhere"})
    assert answer.headers["Location"].startswith("/follow-ups/?show=unbooked&severity=")


def test_somebody_takes_it_and_gives_it_back(world: World, desk: Client) -> None:
    assert do(desk, world, "take").status_code == 303
    assert gap(world).assignee_id == world.clinic.front_desk.pk
    assert "Yours" in desk.get("/follow-ups/?show=unbooked").content.decode()
    assert do(desk, world, "release").status_code == 303
    assert gap(world).assignee_id is None


def test_putting_off_takes_it_from_the_list_until_then(world: World, desk: Client) -> None:
    assert do(desk, world, "snooze", until="tomorrow").status_code == 303
    until = gap(world).snoozed_until
    assert until is not None
    assert "Follow-up after" not in desk.get("/follow-ups/?show=unbooked").content.decode()
    assert "Follow-up after dose 3" in desk.get("/follow-ups/?show=snoozed").content.decode()
    with time_machine.travel(until + timedelta(minutes=1)):
        again = signed_in(world.clinic.front_desk).get("/follow-ups/?show=unbooked")
    assert "Follow-up after dose 3" in again.content.decode()


def test_putting_off_for_no_known_time_is_refused(world: World, desk: Client) -> None:
    assert do(desk, world, "snooze", until="forever").status_code == 422
    assert gap(world).snoozed_until is None


def test_waiving_is_for_those_who_may_and_needs_a_reason(world: World, desk: Client) -> None:
    assert "Waive it" not in desk.get("/follow-ups/?show=unbooked").content.decode()
    assert do(desk, world, "waive", reason="Not needed").status_code == 403
    therapist = signed_in(world.clinic.therapists[0])
    assert do(therapist, world, "waive", reason=" ").status_code == 422
    assert gap(world).status == "prospective"
    assert do(therapist, world, "waive", reason="Sees a therapist elsewhere").status_code == 303
    assert gap(world).status == "waived"
    page = therapist.get(f"/follow-ups/{world.gap.pk}/").content.decode()
    assert "Sees a therapist elsewhere" in page
    assert do(therapist, world, "unwaive", reason="That ended").status_code == 303
    assert gap(world).status == "prospective"


def test_a_refusal_keeps_what_was_typed(world: World) -> None:
    therapist = signed_in(world.clinic.therapists[0])
    answer = do(therapist, world, "waive", reason="Sees a therapist elsewhere", version="999")
    page = answer.content.decode()
    assert answer.status_code == 409
    assert 'value="Sees a therapist elsewhere"' in page
    assert "changed since" in page


def test_a_reason_beyond_measure_is_refused(world: World) -> None:
    therapist = signed_in(world.clinic.therapists[0])
    assert do(therapist, world, "waive", reason="x" * 301).status_code == 422


def test_a_monitor_may_look_but_not_touch(world: World) -> None:
    client = signed_in(world.clinic.monitor)
    page = client.get("/follow-ups/?show=unbooked").content.decode()
    assert "Follow-up after dose 3" in page
    assert "Take it" not in page
    assert do(client, world, "take").status_code == 403


def test_its_own_page_tells_why_it_is_there(world: World, desk: Client) -> None:
    page = desk.get(f"/follow-ups/{world.gap.pk}/").content.decode()
    assert "no follow-up is booked in it" in page
    assert "in the window" in page
    assert "dose 3 of 6" in page


def test_a_follow_up_that_took_place_needs_nobody(world: World, desk: Client) -> None:
    give_up_to(world, 1)
    visit = world.visit("integration-1")
    booked.move(world.clinic, visit.pk, "check_in", now=visit.end, at=visit.start)
    booked.move(world.clinic, visit.pk, "complete", now=visit.end)
    unit = booked.gap_of(world.course, "dose-1")
    with time_machine.travel(visit.end + timedelta(hours=1)):
        client = signed_in(world.clinic.front_desk)
        assert "Followed up" in client.get(f"/follow-ups/{unit.pk}/").content.decode()


def test_a_clinicians_own_follow_ups_stand_on_their_roster_and_in_an_address(world: World) -> None:
    therapist, other = world.clinic.therapists
    FollowUpGap.objects.filter(pk=world.gap.pk).update(
        assignee=None, owner=therapist, flagged=True, severity="high"
    )
    mine = signed_in(therapist)
    page = mine.get("/roster/").content.decode()
    assert "Follow-ups of your patients" in page
    assert f'id="gap-{world.gap.pk}"' in page
    assert f'href="/follow-ups/?who={therapist.pk}"' in page
    assert f'id="gap-{world.gap.pk}"' in mine.get(f"/follow-ups/?who={therapist.pk}").content.decode()
    theirs = signed_in(other)
    assert "None needs somebody now" in theirs.get("/roster/").content.decode()
    assert f'id="gap-{world.gap.pk}"' not in theirs.get(f"/follow-ups/?who={other.pk}").content.decode()
    TreatmentCourse.objects.filter(pk=world.course.pk).update(responsible_clinician=world.clinic.prescriber)
    answers = signed_in(world.clinic.prescriber).get("/roster/").content.decode()
    assert f'id="gap-{world.gap.pk}"' in answers
    desk = signed_in(world.clinic.front_desk)
    assert "own-gaps" not in desk.get("/roster/").content.decode()
    assert f'id="gap-{world.gap.pk}"' in desk.get(f"/roster/?who={therapist.pk}").content.decode()
    assert mine.get("/follow-ups/?who=00000000-0000-0000-0000-000000000000").status_code == 404
