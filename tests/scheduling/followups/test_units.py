"""Which doses share a unit, and the window that it has."""

from datetime import UTC, date, datetime, timedelta

import pytest

from scheduling.followups import units
from scheduling.planning.protocol import Coverage
from scheduling.planning.values import WindowOverride
from tests.scheduling.followups.facts import MONDAY, ZONE, at, dose, given, judge, only, rule, visit


def keys(*doses: units.DoseFact, **changes: object) -> dict[str, tuple[str, ...]]:
    return {unit.key: unit.dose_ids for unit in judge(*doses, now=0, rule=rule(**changes))}


class TestWhichDosesShareAUnit:
    def test_each_dosing_has_a_unit_a_dose_also_for_a_cancelled_one(self):
        found = keys(dose(1), dose(2, 72, status="cancelled"))
        assert found == {"dose:d1": ("d1",), "dose:d2": ("d2",)}

    def test_each_n_goes_by_planned_number_and_the_remainder_is_a_unit(self):
        doses = [dose(number, 48 * number) for number in range(1, 6)]
        found = keys(*doses, coverage=Coverage.EACH_N, n=2)
        assert list(found.values()) == [("d1", "d2"), ("d3", "d4"), ("d5",)]

    def test_a_cancelled_dose_shrinks_its_unit_and_moves_no_other(self):
        doses = [dose(1), dose(2, 48, status="cancelled"), dose(3, 96), dose(4, 144)]
        first, second = judge(*doses, now=0, rule=rule(coverage=Coverage.EACH_N, n=2))
        assert first.dose_ids == ("d1", "d2")
        assert first.window.grace_until == at(2 + 168), "the window is that of dose 1, the last one left"
        assert second.dose_ids == ("d3", "d4")

    def test_each_n_starts_again_in_each_phase(self):
        doses = [dose(1), dose(2, 48), dose(1, 96, id="m1", phase="maintenance")]
        found = keys(*doses, coverage=Coverage.EACH_N, n=3)
        assert found == {"n:induction:1": ("d1", "d2"), "n:maintenance:1": ("m1",)}

    def test_a_week_is_the_sites_own(self):
        late_sunday = dose(1, 0, start=datetime(2026, 3, 9, 3, tzinfo=UTC), planned_end=at(180))
        monday = dose(2, 0, start=datetime(2026, 3, 9, 14, tzinfo=UTC), planned_end=at(190))
        found = keys(late_sunday, monday, coverage=Coverage.WEEKLY)
        # 03:00 UTC on Monday is still Sunday evening in New York.
        assert found == {"week:2026-W10": ("d1",), "week:2026-W11": ("d2",)}

    def test_the_week_of_new_year_has_one_name(self):
        december = dose(1, 0, start=datetime(2025, 12, 30, 15, tzinfo=UTC), planned_end=MONDAY)
        january = dose(2, 0, start=datetime(2026, 1, 2, 15, tzinfo=UTC), planned_end=MONDAY)
        assert keys(december, january, coverage=Coverage.WEEKLY) == {"week:2026-W01": ("d1", "d2")}

    @pytest.mark.parametrize("coverage", [Coverage.SERIES, Coverage.NONE])
    def test_series_and_none_have_no_records(self, coverage):
        assert judge(given(), now=100, rule=rule(coverage=coverage)) == []

    def test_a_course_without_a_rule_has_no_records(self):
        assert judge(given(), now=100, rule=None) == []


class TestTheWindow:
    def test_it_opens_on_the_next_local_day_and_closes_elapsed_hours_after_the_end(self):
        # Twelve hours after 12:00 is midnight; nothing opens on the day of the dose.
        window = only(dose(), now=0).window
        assert window.opens_at == datetime(2026, 3, 3, 5, tzinfo=UTC)
        assert window.closes_at == at(2 + 72)
        assert window.grace_until == at(2 + 168)

    def test_it_keeps_its_length_when_the_clocks_go_forward(self):
        window = only(dose(1, 120), now=0, rule=rule(not_same_day=False)).window
        assert window.closes_at - window.opens_at == timedelta(hours=60)

    def test_it_closes_where_the_next_live_dose_starts(self):
        first, _ = judge(dose(1), dose(2, 48), now=0)
        assert first.window.closes_at == at(48)

    @pytest.mark.parametrize("status", ["cancelled", "no_show", "displaced", "entered_in_error"])
    def test_a_dose_that_is_off_shapes_nothing(self, status):
        first, second = judge(dose(1), dose(2, 48, status=status), now=0)
        assert first.window.closes_at == at(74)
        assert second.window is None

    def test_a_given_dose_shapes(self):
        first, _ = judge(given(1), given(2, 48), now=60)
        assert first.window.closes_at == at(48)

    def test_a_held_dose_shapes_until_its_hold_expires(self):
        held = dose(2, 48, status="held", hold_expires_at=at(1))
        before, _ = judge(dose(1), held, now=0.9)
        after, _ = judge(dose(1), held, now=1)
        assert (before.window.closes_at, before.next_change_at) == (at(48), at(1))
        assert after.window.closes_at == at(74)

    def test_the_recorded_discharge_is_the_anchor(self):
        unit = only(dose(status="fulfilled", discharged_at=at(5)), now=6)
        assert unit.window.closes_at == at(5 + 72)

    def test_a_rule_may_let_the_window_run_past_the_next_dose(self):
        first, _ = judge(dose(1), dose(2, 48), now=0, rule=rule(before_next_dosing=False))
        assert first.window.closes_at == at(74)

    def test_a_week_opens_from_its_first_dose_and_closes_from_its_last(self):
        unit = only(dose(1), dose(2, 48), now=0, rule=rule(coverage=Coverage.WEEKLY))
        assert unit.window.opens_at == datetime(2026, 3, 3, 5, tzinfo=UTC)
        assert unit.window.closes_at == at(50 + 72)

    def test_an_override_changes_one_units_hours_and_no_other(self):
        doses = dose(1), dose(2, 480)
        first, second = judge(*doses, now=0, overrides={"dose:d1": WindowOverride(max_hours=200)})
        assert first.window.closes_at == at(202)
        assert first.window.grace_until == at(202), "grace never ends before the window"
        assert second.window.closes_at == at(482 + 72)

    def test_an_override_keeps_the_ideal_band_inside_the_window(self):
        window = only(dose(), now=0, overrides={"dose:d1": WindowOverride(max_hours=30)}).window
        assert window.ideal_from <= window.ideal_to <= window.closes_at == at(32)


@pytest.mark.parametrize("day", [date(2026, 3, 7), date(2026, 3, 8), date(2026, 11, 1)])
def test_a_date_alone_means_local_noon(day):
    from_noon = units.noon(zone=ZONE, day=day)
    assert from_noon.utcoffset() == timedelta(0)
    assert from_noon.hour == (17 if day == date(2026, 3, 7) or day.month == 11 else 16)


def test_only_follow_up_kinds_count():
    for kind in ("therapy", "preparation", "medication_review", "screening", "plan_review"):
        assert only(dose(), visit(26, kind=kind), now=0).state == "prospective"
    assert only(dose(), visit(26, kind="group_integration"), now=0).state == "covered"


def test_group_coverage_is_met_by_a_group_alone():
    group = rule(coverage=Coverage.GROUP)
    assert only(dose(), visit(26), now=0, rule=group).state == "prospective"
    assert only(dose(), visit(26, kind="group_integration"), now=0, rule=group).state == "covered"
