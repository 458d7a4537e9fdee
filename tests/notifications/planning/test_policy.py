"""When a message may go, which of several goes, and what follows a failure."""

from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from notifications.planning import policy
from notifications.planning.kinds import RULES, Kind
from notifications.planning.policy import Candidate, Caps, Choice, SendWindow, Timing, Verdict

NEW_YORK = "America/New_York"
REPLIES = [kind for kind in Kind if RULES[kind].reply]
WINDOW = SendWindow()
ZONES = [
    NEW_YORK,
    "Europe/London",
    "America/Santiago",
    "Australia/Lord_Howe",
    "Africa/Casablanca",
    "America/Phoenix",
]


def local(day: int, hour: int, minute: int = 0, month: int = 3, zone: str = NEW_YORK) -> datetime:
    return datetime(2026, month, day, hour, minute, tzinfo=ZoneInfo(zone))


def timing(due: datetime, *, defer: float = 100, useful: float = 200) -> Timing:
    return Timing(due, due + timedelta(hours=defer), due + timedelta(hours=useful))


def send_at(what: Timing, now: datetime | None = None, zone: str = NEW_YORK) -> datetime | None:
    return policy.send_at(timing=what, zone=zone, window=WINDOW, now=now or what.due_at - timedelta(days=9))


class TestQuietHours:
    def test_within_the_window_it_goes_when_it_is_due(self):
        assert send_at(timing(local(3, 9))) == local(3, 9)
        assert send_at(timing(local(3, 19, 59))) == local(3, 19, 59)

    def test_at_night_it_waits_for_the_morning(self):
        assert send_at(timing(local(3, 20))) == local(4, 9)
        assert send_at(timing(local(3, 3))) == local(3, 9)

    def test_when_the_morning_is_too_late_it_goes_before_the_night(self):
        assert send_at(timing(local(3, 22), defer=2, useful=5)) == local(3, 19, 55)
        assert send_at(timing(local(4, 3), defer=2, useful=5)) == local(3, 19, 55)

    def test_the_evening_before_has_passed_so_the_morning_while_it_is_useful(self):
        late = timing(local(3, 22), defer=2, useful=20)
        assert send_at(late, now=local(3, 21)) == local(4, 9)
        assert send_at(replace(late, useful_until=local(4, 8)), now=local(3, 21)) is None

    def test_after_its_use_it_does_not_go(self):
        assert send_at(timing(local(3, 10), useful=2), now=local(3, 12)) == local(3, 12)
        assert send_at(timing(local(3, 10), useful=2), now=local(3, 12, 1)) is None

    def test_never_before_now(self):
        assert send_at(timing(local(3, 10)), now=local(3, 15)) == local(3, 15)

    def test_the_patients_zone_decides(self):
        # 21:00 in New York is 18:00 in Los Angeles.
        assert send_at(timing(local(3, 21)), zone="America/Los_Angeles") == local(3, 21)

    def test_a_window_opens_before_it_closes(self):
        with pytest.raises(ValueError):
            SendWindow(time(20), time(9))

    @pytest.mark.parametrize(
        ("due", "goes"),
        [
            # The clocks go forward on 8 March at 02:00 and back on 1 November.
            (local(7, 23), local(8, 9)),
            (local(31, 23, month=10), local(1, 9, month=11)),
        ],
    )
    def test_nine_is_nine_on_the_day_that_the_clocks_change(self, due, goes):
        assert send_at(timing(due)).astimezone(UTC) == goes.astimezone(UTC)

    @given(
        st.sampled_from(ZONES),
        st.integers(0, 366 * 24 * 4),
        st.integers(-2000, 2000),
        st.integers(0, 3000),
        st.integers(0, 3000),
        st.sampled_from([WINDOW, SendWindow(time(8), time(21)), SendWindow(time(2, 15), time(2, 45))]),
    )
    def test_whatever_is_sent_is_allowed_useful_and_not_in_the_past(
        self, zone, quarter, ago, defer, useful, window
    ):
        due = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=15 * quarter)
        now = due + timedelta(minutes=ago)
        until = due + timedelta(minutes=useful)
        what = Timing(due, due + timedelta(minutes=defer), until)
        at = policy.send_at(timing=what, zone=zone, window=window, now=now)
        if at is not None:
            assert now <= at <= until
            assert policy.allowed(instant=at, zone=zone, window=window)


class TestDueTimes:
    START = local(20, 10)

    def test_the_whole_course_is_confirmed_once_after_the_grace(self):
        found = policy.course_booked(booked_at=local(1, 12), first_start=self.START)
        assert (found.due_at, found.useful_until) == (local(1, 12, 3), self.START)

    def test_a_course_that_began_in_the_past_is_not_confirmed(self):
        assert policy.course_booked(booked_at=local(20, 10), first_start=self.START) is None

    def test_reminders_are_elapsed_hours_before(self):
        early = policy.reminder(start=self.START, lead_hours=72, changed_at=local(1, 9))
        late = policy.reminder(start=self.START, lead_hours=24, changed_at=local(1, 9))
        assert (early.due_at, early.useful_until) == (local(17, 10), local(19, 10))
        assert (late.due_at, late.useful_until) == (local(19, 10), local(20, 9))

    def test_24_hours_are_24_hours_when_the_clocks_go_forward(self):
        found = policy.reminder(start=local(8, 10), lead_hours=24, changed_at=local(1, 9))
        assert found.due_at == local(7, 9), "on the clock it is the hour before"

    def test_a_72_hour_reminder_that_was_missed_is_not_made_up_for(self):
        assert policy.reminder(start=self.START, lead_hours=72, changed_at=local(17, 11)) is None

    def test_a_visit_moved_to_tomorrow_is_still_told(self):
        found = policy.reminder(start=self.START, lead_hours=24, changed_at=local(19, 15))
        assert found.due_at == local(19, 15, 3)

    def test_nothing_is_told_in_the_last_hour(self):
        assert policy.reminder(start=self.START, lead_hours=24, changed_at=local(20, 8, 57)) is not None
        assert policy.reminder(start=self.START, lead_hours=24, changed_at=local(20, 8, 58)) is None

    def test_a_change_waits_the_grace_also_just_before_the_due_time(self):
        found = policy.reminder(start=self.START, lead_hours=72, changed_at=local(17, 9, 59))
        assert found.due_at == local(17, 10, 2)

    def test_a_reminder_for_an_early_visit_goes_the_morning_before(self):
        found = policy.reminder(start=local(20, 7, 30), lead_hours=24, changed_at=local(1, 9))
        assert send_at(found) == local(19, 9)

    def test_a_reminder_for_a_late_visit_goes_the_evening_before(self):
        found = policy.reminder(start=local(20, 20, 30), lead_hours=24, changed_at=local(1, 9))
        assert send_at(found) == local(19, 19, 55)

    @pytest.mark.parametrize(
        ("discharged", "goes"),
        [
            (local(3, 12), local(4, 9)),  # due at 08:00
            (local(3, 15), local(4, 11)),
            (local(3, 18), local(4, 14)),
            (local(4, 1), local(4, 19, 55)),  # due at 21:00, and 09:00 would be 32 hours after
        ],
    )
    def test_a_dose_without_follow_up_is_asked_about_within_20_to_24_hours(self, discharged, goes):
        closes = discharged + timedelta(hours=72)
        found = policy.follow_up_missing(discharged_at=discharged, closes_at=closes, changed_at=discharged)
        assert send_at(found) == goes

    def test_a_follow_up_cancelled_later_is_asked_about_while_the_window_is_open(self):
        discharged, closes = local(3, 12), local(6, 12)
        found = policy.follow_up_missing(discharged_at=discharged, closes_at=closes, changed_at=local(5, 10))
        assert (found.due_at, found.useful_until) == (local(5, 10, 3), closes)
        assert policy.follow_up_missing(discharged_at=discharged, closes_at=closes, changed_at=closes) is None

    @pytest.mark.parametrize(
        ("marked", "due"),
        [
            (local(3, 10), local(4, 9)),
            (local(6, 10), local(9, 9)),  # Friday to Monday, over the change of the clocks
            (local(7, 10), local(9, 9)),
        ],
    )
    def test_a_no_show_is_written_to_on_the_next_business_morning(self, marked, due):
        assert policy.after_no_show(marked_at=marked, zone=NEW_YORK).due_at == due

    def test_a_closed_day_is_no_business_day(self):
        found = policy.after_no_show(marked_at=local(3, 10), zone=NEW_YORK, closed={date(2026, 3, 4)})
        assert found.due_at == local(5, 9)

    def test_a_practice_that_is_always_closed_still_gets_an_answer(self):
        assert policy.after_no_show(marked_at=local(3, 10), zone=NEW_YORK, weekdays=()).due_at == local(4, 9)

    @pytest.mark.parametrize(
        ("now", "due"),
        [
            (local(3, 7), local(3, 7, 30)),
            (local(3, 7, 30), local(4, 7, 30)),
            (local(6, 8), local(9, 7, 30)),
            (local(8, 8), local(9, 7, 30)),
        ],
    )
    def test_the_digest_comes_on_the_next_working_morning(self, now, due):
        assert policy.next_digest(now=now, zone=NEW_YORK) == due


class TestChoosing:
    def one(self, kind: Kind, day: int = 10, hour: int = 10, **changes: object) -> Candidate:
        at = local(day, hour)
        found = Candidate(f"{kind}-{day}-{hour}", kind, at, at + timedelta(hours=30))
        return replace(found, **changes)

    def choose(self, *candidates: Candidate, sent=(), caps=policy.EXEMPTION) -> dict[str, Verdict]:
        return policy.choose(candidates=candidates, sent=sent, zone=NEW_YORK, caps=caps)

    def test_messages_of_one_day_merge_into_the_most_important(self):
        first, second = self.one(Kind.REMINDER_72H), self.one(Kind.REMINDER_24H, hour=15)
        assert self.choose(first, second, caps=Caps()) == {
            second.id: Verdict(Choice.SEND),
            first.id: Verdict(Choice.MERGE, into=second.id),
        }

    def test_they_do_not_merge_into_one_that_comes_too_late(self):
        early = replace(self.one(Kind.REMINDER_72H), useful_until=local(10, 12))
        verdicts = self.choose(early, self.one(Kind.REMINDER_24H, hour=15), caps=Caps())
        assert {verdict.choice for verdict in verdicts.values()} == {Choice.SEND}

    def test_what_cannot_be_said_with_others_goes_by_itself(self):
        verdicts = self.choose(self.one(Kind.NO_SHOW), self.one(Kind.REMINDER_24H), caps=Caps())
        assert {verdict.choice for verdict in verdicts.values()} == {Choice.SEND}

    def test_of_two_visits_the_dose_carries_the_other(self):
        dose = self.one(Kind.REMINDER_24H, id="z", about_dose=True)
        talk = self.one(Kind.REMINDER_24H, id="a")
        assert self.choose(talk, dose)["a"] == Verdict(Choice.MERGE, into="z")

    def test_days_are_the_patients(self):
        late, next_morning = self.one(Kind.REMINDER_72H, hour=19), self.one(Kind.REMINDER_72H, day=11, hour=9)
        assert len({verdict.into for verdict in self.choose(late, next_morning, caps=Caps()).values()}) == 1

    def test_without_a_cap_everything_goes(self):
        confirmation = self.one(Kind.COURSE_BOOKED)
        sent = [local(10, 9)] * 9
        assert self.choose(confirmation, sent=sent, caps=Caps())[confirmation.id].choice is Choice.SEND

    def test_under_the_cap_the_more_important_one_goes(self):
        unbooked, booked = self.one(Kind.FOLLOW_UP_MISSING), self.one(Kind.COURSE_BOOKED)
        verdicts = self.choose(unbooked, booked)
        assert verdicts[booked.id].choice is Choice.SEND
        assert verdicts[unbooked.id].choice is Choice.DROP

    @pytest.mark.parametrize(
        ("better", "worse"),
        [
            (Kind.REMINDER_24H, Kind.FOLLOW_UP_MISSING),
            (Kind.FOLLOW_UP_MISSING, Kind.REMINDER_72H),
            (Kind.FOLLOW_UP_MISSING, Kind.NO_SHOW),
        ],
    )
    def test_what_counts_most_in_a_week(self, better, worse):
        sent = [local(8, 10), local(9, 10)]
        most, least = self.one(better, day=12), self.one(worse, day=11)
        verdicts = self.choose(most, least, sent=sent)
        assert (verdicts[most.id].choice, verdicts[least.id].choice) == (Choice.SEND, Choice.DROP)

    def test_a_week_is_any_seven_days(self):
        sent = [local(4, 10), local(6, 10), local(8, 10)]
        tenth, eleventh = self.one(Kind.NO_SHOW, day=10), self.one(Kind.NO_SHOW, day=11)
        assert self.choose(tenth, sent=sent)[tenth.id].choice is Choice.DROP
        assert self.choose(eleventh, sent=sent)[eleventh.id].choice is Choice.SEND

    def test_messages_to_come_count_as_well(self):
        coming = [self.one(Kind.REMINDER_24H, day=day) for day in (12, 13, 14)]
        early = self.one(Kind.NO_SHOW, day=10)
        assert self.choose(early, *coming)[early.id].choice is Choice.DROP

    def test_a_doses_24_hour_reminder_is_never_capped_away(self):
        dose = self.one(Kind.REMINDER_24H, about_dose=True)
        other = replace(dose, id="talk", about_dose=False, useful_until=local(10, 9))
        sent = [local(9, 10), local(9, 11), local(10, 9)]
        verdicts = self.choose(dose, other, sent=sent)
        assert (verdicts[dose.id].choice, verdicts["talk"].choice) == (Choice.SEND, Choice.DROP)

    @pytest.mark.parametrize("kind", REPLIES)
    def test_an_answer_to_the_patient_always_goes(self, kind):
        reply = self.one(kind)
        assert self.choose(reply, sent=[local(10, 9)] * 5)[reply.id].choice is Choice.SEND

    @given(
        st.lists(st.tuples(st.sampled_from(list(Kind)), st.integers(1, 20), st.integers(9, 19)), max_size=12)
    )
    def test_no_day_and_no_week_exceeds_the_cap(self, wanted):
        candidates = [
            replace(self.one(kind, day, hour), id=str(number))
            for number, (kind, day, hour) in enumerate(wanted)
        ]
        verdicts = self.choose(*candidates)
        assert set(verdicts) == {one.id for one in candidates}
        days = [
            one.send_at.date()
            for one in candidates
            if verdicts[one.id].choice is Choice.SEND and one.kind not in REPLIES
        ]
        for day in days:
            assert days.count(day) == 1
            assert sum(1 for other in days if timedelta(0) <= other - day < timedelta(days=7)) <= 3

    def test_every_kind_has_its_rule(self):
        assert set(RULES) == set(Kind)

    def test_the_order_of_the_candidates_does_not_matter(self):
        some = [self.one(kind, day) for kind in Kind for day in (10, 11)]
        assert self.choose(*some) == self.choose(*reversed(some))


class TestDedupeKey:
    def test_it_names_what_the_message_is_about(self):
        key = policy.dedupe_key(kind=Kind.REMINDER_24H, subject="0190-a", version=3, channel="sms")
        assert key == "reminder_24h:0190-a:3:sms"

    @pytest.mark.parametrize("part", ["", "a:b"])
    def test_no_two_messages_can_have_the_same_by_accident(self, part):
        with pytest.raises(ValueError):
            policy.dedupe_key(kind="k", subject=part, version=1, channel="sms")


class TestAfterAFailure:
    NOW = local(3, 10)

    def after(self, attempt: int, outcome: str = "transient", useful: float = 24, **arguments: float):
        until = self.NOW + timedelta(hours=useful)
        return policy.after_failure(
            attempt=attempt, outcome=outcome, now=self.NOW, useful_until=until, **arguments
        )

    def test_the_pauses_grow(self):
        pauses = [self.after(attempt).next_attempt_at - self.NOW for attempt in range(1, 5)]
        assert pauses == list(policy.BACKOFF)
        assert self.after(1).state == "planned"

    def test_it_gives_up_in_the_end(self):
        final = self.after(policy.MAX_ATTEMPTS)
        assert (final.state, final.reason, final.next_attempt_at) == (
            "failed_final",
            "too_many_attempts",
            None,
        )

    def test_a_permanent_failure_is_final_at_once(self):
        assert self.after(1, "permanent").state == "failed_final"

    def test_doubt_is_never_retried_by_itself(self):
        assert self.after(1, "in_doubt") == policy.Retry("in_doubt", None, "in_doubt")

    def test_it_does_not_try_again_when_that_would_be_too_late(self):
        assert self.after(4, useful=0.5).reason == "stale"

    def test_the_provider_may_ask_for_a_longer_pause(self):
        assert self.after(1, retry_after=600).next_attempt_at == self.NOW + timedelta(minutes=10)
        assert self.after(2, retry_after=1).next_attempt_at == self.NOW + timedelta(minutes=5)

    def test_chance_spreads_the_retries(self):
        assert self.after(2, spread=0.5).next_attempt_at == self.NOW + timedelta(minutes=5.5)

    def test_success_is_no_failure(self):
        with pytest.raises(ValueError):
            self.after(1, "accepted")
