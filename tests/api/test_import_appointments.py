"""Coming appointments from a file: booked as any other visit, by the site's clocks, and known again."""

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from notifications.models import Message
from patients.models import ExternalIdentifier
from scheduling.booking.intake import importing
from scheduling.models import Appointment
from tests import factories
from tests.api import csv_files, database
from tests.api.conftest import Api
from tests.api.csv_files import faults, outcomes, send
from tests.api.test_bad_input import refused
from tests.api.test_courses import book
from tests.races import race

pytestmark = pytest.mark.django_db
HEADER = importing.COLUMNS
ZONE = ZoneInfo(factories.NEW_YORK)


@pytest.fixture
def known(clinic: factories.Clinic) -> factories.Clinic:
    """The clinic, with its patient known to the EHR as 1."""
    ExternalIdentifier.objects.create(
        practice=clinic.practice, patient=clinic.patient, system="ehr", value="1"
    )
    return clinic


def monday() -> date:
    day = timezone.now().date() + timedelta(days=14)
    return day + timedelta(days=-day.weekday() % 7)


def at(hour: int, minute: int = 0, *, days: int = 0) -> str:
    """A local time on a coming Monday, or so many days after it."""
    return f"{monday() + timedelta(days=days)}T{hour:02}:{minute:02}"


def row(number: object, start: str, **cells: str) -> tuple[str, ...]:
    given = {
        "external_system": "ehr",
        "external_value": str(number),
        "patient_system": "ehr",
        "patient_value": "1",
        "kind": "therapy",
        "start": start,
    }
    return tuple({**given, **cells}.get(column, "") for column in HEADER)


def text(*rows: tuple[str, ...]) -> str:
    return csv_files.text(HEADER, *rows)


def visits(clinic: factories.Clinic) -> Any:
    return Appointment.objects.filter(patient=clinic.patient, status="booked").order_by("start")


def test_a_dry_run_writes_nothing_and_an_apply_books(api: Api, known: factories.Clinic) -> None:
    therapist = known.therapists[0]
    told = {"practitioner": therapist.username, "room": known.therapy_rooms[1].name, "minutes": "45"}
    file = text(row(1, at(9), **told), row(2, at(9, 30)), row(3, at(11)), row(4, at(9, days=1)))
    before = database.counts()
    tried = send(api, "appointments", file, mode="dry_run")
    assert database.counts() == before
    assert outcomes(tried) == ["created", "refused", "created", "created"]
    done = send(api, "appointments", file)
    assert outcomes(done) == outcomes(tried)
    assert faults(done) == [(3, "start")]
    assert "another visit" in done.json()["results"][1]["errors"][0]["message"]
    first = api.get(f"appointments/{done.json()['results'][0]['id']}/").json()
    assert [one["id"] for one in first["practitioners"]] == [str(therapist.pk)]
    assert first["room"] == str(known.therapy_rooms[1].pk)
    start = datetime.fromisoformat(first["start"])
    assert start.astimezone(ZONE).isoformat()[:16] == at(9)
    assert datetime.fromisoformat(first["end"]) - start == timedelta(minutes=45)
    told_of = Message.objects.filter(patient=known.patient, kind="course_booked")
    assert told_of.count() == 3 * 2  # one a visit and channel
    assert race.overlaps() == race.half_booked() == 0


def test_the_same_file_again_changes_nothing(api: Api, known: factories.Clinic) -> None:
    file = text(row(1, at(9)), row(2, at(11)))
    first = send(api, "appointments", file)
    before = database.counts()
    again = send(api, "appointments", file)
    assert outcomes(again) == ["unchanged", "unchanged"]
    assert [one["id"] for one in again.json()["results"]] == [one["id"] for one in first.json()["results"]]
    changed = {name for name, count in database.counts().items() if count != before[name]}
    assert changed <= {"practice_importrun", "practice_trailentry", "pghistory_context"}


def test_a_changed_row_takes_the_new_place_and_frees_the_old(api: Api, known: factories.Clinic) -> None:
    former = send(api, "appointments", text(row(1, at(9)))).json()["results"][0]["id"]
    changed = send(api, "appointments", text(row(1, at(9, 30))))
    assert outcomes(changed) == ["updated"]
    assert api.get(f"appointments/{former}/").json()["status"] == "cancelled"
    assert [one.start.astimezone(ZONE).isoformat()[:16] for one in visits(known)] == [at(9, 30)]
    waiting = Message.objects.filter(subject_id=former, kind__startswith="reminder", state="planned")
    assert not waiting.exists()
    assert outcomes(send(api, "appointments", text(row(1, at(9, 30))))) == ["unchanged"]


def test_a_change_that_does_not_fit_leaves_the_visit_where_it_was(api: Api, known: factories.Clinic) -> None:
    send(api, "appointments", text(row(1, at(9)), row(2, at(11))))
    before = database.counts()
    answer = send(api, "appointments", text(row(1, at(11))), mode="dry_run")
    assert faults(answer) == [(2, "start")]
    assert database.counts() == before
    assert faults(send(api, "appointments", text(row(1, at(11))))) == [(2, "start")]
    assert [one.start.astimezone(ZONE).hour for one in visits(known)] == [9, 11]


def test_a_visit_that_was_cancelled_here_is_not_brought_back(api: Api, known: factories.Clinic) -> None:
    found = send(api, "appointments", text(row(1, at(9)))).json()["results"][0]["id"]
    api.post(f"appointments/{found}/cancel/", {"reason": "The patient is away."})
    assert faults(send(api, "appointments", text(row(1, at(9))))) == [(2, "external_value")]


def test_all_or_nothing(api: Api, known: factories.Clinic) -> None:
    file = text(row(1, at(9)), row(2, at(9, 15)))
    answer = send(api, "appointments", file, all_or_nothing=True)
    assert outcomes(answer) == ["created", "refused"]
    assert not answer.json()["applied"]
    assert not visits(known).exists()
    whole = send(api, "appointments", text(row(1, at(9)), row(2, at(11))), all_or_nothing=True)
    assert whole.json()["applied"]
    assert visits(known).count() == 2


WRONG: list[tuple[dict[str, str], str]] = [
    ({"patient_value": "2"}, "patient_value"),
    ({"kind": "massage"}, "kind"),
    ({"kind": "group_integration"}, "kind"),
    ({"kind": "dosing"}, "course"),
    ({"kind": "integration"}, "course"),
    ({"course": "the first"}, "course"),
    ({"course": "00000000-0000-0000-0000-000000000000"}, "course"),
    ({"site": "Elsewhere"}, "site"),
    ({"room": "Elsewhere"}, "room"),
    ({"practitioner": "nobody"}, "practitioner"),
    ({"mode": "letter"}, "mode"),
    ({"minutes": "-5"}, "minutes"),
    ({"minutes": "1e3"}, "minutes"),
    ({"start": "soon"}, "start"),
    ({"start": "2020-01-06T10:00"}, "start"),
    ({"start": "9999-12-31T23:59:59-14:00"}, "start"),
    ({"start": "2026-13-01T10:00"}, "start"),
    ({"external_value": ""}, "external_value"),
]


def test_each_fault_points_at_its_column(api: Api, known: factories.Clinic) -> None:
    rows = [row(number, **{"start": at(9), **cells}) for number, (cells, _) in enumerate(WRONG)]
    before = database.counts()
    answer = send(api, "appointments", text(*rows), mode="dry_run")
    assert faults(answer) == [(line, column) for line, (_, column) in enumerate(WRONG, start=2)]
    assert database.counts() == before


def test_nobody_works_then(api: Api, known: factories.Clinic) -> None:
    answer = send(api, "appointments", text(row(1, at(3))))
    assert faults(answer) == [(2, "start")]
    assert "on shift" in answer.json()["results"][0]["errors"][0]["message"]


def test_the_clocks_that_skip_an_hour_and_those_that_repeat_one(api: Api, known: factories.Clinic) -> None:
    year = timezone.now().year + 1
    skipped = next(d for d in _sundays(year, 3) if d.day >= 8)
    repeated = next(d for d in _sundays(year, 11))
    answer = send(api, "appointments", text(row(1, f"{skipped} 02:30"), row(2, f"{repeated}T01:30")))
    gap, twice = (one["errors"][0]["message"] for one in answer.json()["results"])
    assert f"{skipped}T03:00:00-04:00" in gap
    assert f"{repeated}T01:30:00-04:00" in twice
    assert f"{repeated}T01:30:00-05:00" in twice


def _sundays(year: int, month: int) -> list[date]:
    days = (date(year, month, day) for day in range(1, 29))
    return [day for day in days if day.isoweekday() == 7]


def test_an_offset_is_the_same_instant(api: Api, known: factories.Clinic) -> None:
    local = datetime.fromisoformat(at(9)).replace(tzinfo=ZONE)
    send(api, "appointments", text(row(1, at(9))))
    for told in (local.isoformat(), local.astimezone(UTC).isoformat().replace("+00:00", "Z")):
        assert outcomes(send(api, "appointments", text(row(1, told)))) == ["unchanged"]


def test_a_visit_of_a_course_joins_it_and_stays(api: Api, known: factories.Clinic) -> None:
    course = book(api, known, skip=["integration-1"]).json()
    owed = next(gap for gap in course["gaps"] if gap["status"] == "prospective")
    opens = datetime.fromisoformat(owed["window"]["opens_at"]).astimezone(ZONE)
    start = opens.replace(hour=17, minute=0, second=0, microsecond=0)
    told = {"kind": "integration", "course": course["id"], "mode": "video"}
    answer = send(api, "appointments", text(row(1, start.isoformat(), **told)))
    assert outcomes(answer) == ["created"], answer.content
    assert api.get(f"gaps/{owed['id']}/").json()["status"] == "covered"
    moved = row(1, (start + timedelta(days=7)).isoformat(), **told)
    assert faults(send(api, "appointments", text(moved))) == [(2, "external_value")]


def test_too_many_rows(api: Api, known: factories.Clinic) -> None:
    rows = [row(number, at(9)) for number in range(importing.MOST_ROWS + 1)]
    refused(send(api, "appointments", text(*rows)), "file")


def test_by_command(known: factories.Clinic, tmp_path: Any, capsys: Any) -> None:
    file = tmp_path / "visits.csv"
    file.write_text(text(row("=1+1", at(9)), row(2, at(9))))
    before = database.counts()
    call_command("import_csv", str(known.practice.pk), "appointments", str(file))
    told = capsys.readouterr()
    assert database.counts() == before
    assert "'=1+1,created," in told.out
    assert "1 created, 0 updated, 0 unchanged, 1 refused; nothing written" in told.err
    call_command("import_csv", str(known.practice.pk), "appointments", str(file), "--apply")
    assert visits(known).count() == 1
    for arguments in (["patients", str(file)], ["patients", str(tmp_path / "none.csv")]):
        with pytest.raises(CommandError):
            call_command("import_csv", str(known.practice.pk), *arguments)
