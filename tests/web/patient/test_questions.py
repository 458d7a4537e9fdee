"""The measures on the patient's page: due before a dose, kept as they go, sent once."""

from datetime import timedelta
from typing import Any

import pytest
import time_machine
from django.test import Client
from django.utils import timezone

from clinic.practice.errors import Busy
from clinic.practice.models import TrailEntry, WorkItem
from patients.instruments import BY_CODE
from patients.models import Measure, MeasureForm, Patient
from scheduling.booking.own import own_measures
from scheduling.models import Appointment
from scheduling.planning import measures
from tests.web.conftest import World, signed_in
from tests.web.patient.conftest import BORN, path_of, post, prove, text_of
from tests.web.test_every_page import rows

PHQ, GAD = 1, 2
CALM: dict[str, Any] = {f"q{item}": "1" for item in range(1, 9)} | {"q9": "0"}


def asks(patch: pytest.MonkeyPatch, found: measures.Asked) -> None:
    """As if the protocol asked so: a version of a protocol cannot be changed."""
    patch.setattr(measures, "asked", lambda **_: found)


def everything(value: str, count: int) -> Any:
    return {f"q{item}": value for item in range(1, count + 1)}


@pytest.fixture
def both(monkeypatch: pytest.MonkeyPatch) -> None:
    asks(monkeypatch, measures.Asked(("PHQ-9", "GAD-7")))


def send(http: Client, path: str, number: int = PHQ, **form: Any) -> Any:
    return http.post(f"{path}/questions/{number}", form)


@pytest.mark.usefixtures("both")
def test_they_are_named_before_a_proof_and_shown_after_it(http: Client, path: str) -> None:
    told = text_of(http.get(path))
    assert "a few questions for you" in told
    assert "9 short questions" not in told
    refused = http.get(f"{path}/questions/1")
    assert refused.status_code == 403
    assert "Little interest" not in text_of(refused)
    prove(http, path)
    told = text_of(http.get(path))
    assert "9 short questions" in told
    assert "7 short questions" in told
    page = http.get(f"{path}/questions/1")
    assert "Little interest or pleasure" in text_of(page)
    assert "<title>Your visit</title>" in page.content.decode()
    for private in ("PHQ", "depression", "dose", "ketamine"):
        assert private not in page.content.decode()


def test_what_is_sent_is_a_score_that_the_roster_and_the_course_show(
    world: World, http: Client, path: str, visit: Appointment
) -> None:
    prove(http, path)
    answer = send(http, path, **CALM)
    assert answer.status_code == 303
    assert "PHQ" not in answer["Location"]
    score = Measure.objects.get()
    assert f"{score.code} {score.score:f}" == "PHQ-9 8.00"
    assert score.recorded_by == f"patient:{world.clinic.patient.pk}"
    form = MeasureForm.objects.get()
    assert form.asked_before == visit.pk
    assert TrailEntry.objects.filter(verb="create", subject_kind="measure", subject_id=score.pk).exists()
    told = text_of(http.get(answer["Location"]))
    assert "Your answers are sent" in told
    # Whoever reads along learns nothing of the answers.
    assert told.index("988") < told.index("expects you")
    desk = signed_in(world.clinic.front_desk)
    assert "PHQ-9 8" in text_of(desk.get(f"/roster/?date={visit.local_date}"))
    assert "PHQ-9" in text_of(desk.get(f"/courses/{world.course.pk}/"))


def test_a_second_sending_and_a_second_tab_change_nothing(http: Client, path: str) -> None:
    prove(http, path)
    send(http, path, **CALM)
    before = rows()
    assert send(http, path, **CALM).status_code == 303
    assert send(http, path, **{**CALM, "q1": "3"}).status_code == 303
    assert send(http, path, later="1", q2="3").status_code == 303
    assert rows() == before
    assert Measure.objects.get().score == 8
    assert MeasureForm.objects.get().answers[0] == 1


def test_what_is_missing_is_marked_and_the_rest_is_kept(http: Client, path: str) -> None:
    prove(http, path)
    answer = send(http, path, q1="3", q4="2")
    assert answer.status_code == 422
    page = answer.content.decode()
    assert page.count("Not answered yet") == 7
    assert 'id="q1-3" value="3" required checked' in page
    assert not Measure.objects.exists()
    # Another tab knows nothing of these, and takes nothing away.
    assert send(http, path, later="1", q2="0").status_code == 303
    assert MeasureForm.objects.get().answers == [3, 0, None, 2, None, None, None, None, None]
    assert "3 of 9 answered" in text_of(http.get(path))


def test_an_answer_that_is_none_is_no_answer(http: Client, path: str) -> None:
    prove(http, path)
    for bad in ("4", "-1", "x", "٣", "1.0", "", "<b>", "9" * 400):
        answer = send(http, path, **{**CALM, "q3": bad})
        assert answer.status_code == 422, bad
        assert "<b>" not in answer.content.decode()
        assert MeasureForm.objects.get().answers[2] is None, bad
    assert not Measure.objects.exists()


def test_a_proof_that_runs_out_in_the_middle_loses_no_answer(http: Client, path: str) -> None:
    prove(http, path)
    with time_machine.travel(timezone.now() + timedelta(minutes=20)):
        answer = send(http, path, later="1", q1="2")
        assert answer.status_code == 403
        assert not MeasureForm.objects.exists()
        kept = {"questions": "1", "q1": "2", "later": "1"}
        for name, value in kept.items():
            assert f'<input type="hidden" name="{name}" value="{value}">' in answer.content.decode()
        wrong = post(Client(), path, "open", birth_date="1990-01-01", **kept)
        assert '<input type="hidden" name="q1" value="2">' in wrong.content.decode()
        back = post(http, path, "open", birth_date=BORN, **kept)
        assert back["Location"].startswith(f"{path}/questions/1")
        assert MeasureForm.objects.get().answers[0] == 2


def test_who_pressed_send_before_the_proof_ran_out_has_sent(http: Client, path: str) -> None:
    prove(http, path)
    with time_machine.travel(timezone.now() + timedelta(minutes=20)):
        assert send(http, path, **{**CALM, "q9": "1"}).status_code == 403
        back = post(http, path, "open", birth_date=BORN, questions="1", **{**CALM, "q9": "1"})
        assert "Your answers are sent" in text_of(http.get(back["Location"]))
    assert Measure.objects.get().score == 9
    assert WorkItem.objects.filter(kind="harm_item").exists()


def test_answers_that_waited_for_a_proof_are_not_lost_in_silence(
    http: Client, path: str, visit: Appointment, monkeypatch: pytest.MonkeyPatch
) -> None:
    def busy(**_: Any) -> None:
        raise Busy

    with monkeypatch.context() as patch:
        patch.setattr(own_measures, "save", busy)
        answer = post(http, path, "open", birth_date=BORN, questions="1", **{**CALM, "q9": "2"})
    assert answer.status_code == 409
    assert "Please try once more" in text_of(answer)
    assert 'id="q9-2" value="2" required checked' in answer.content.decode()
    Appointment.objects.filter(course=visit.course, kind="dosing").update(status="cancelled")
    answer = post(Client(), path, "open", birth_date=BORN, questions="1", **CALM)
    assert answer.status_code == 409
    assert "not asked any more" in text_of(answer)


def test_who_waits_for_a_late_dose_may_still_answer(http: Client, path: str, visit: Appointment) -> None:
    with time_machine.travel(visit.start + timedelta(minutes=30)):
        prove(http, path)
        assert send(http, path, later="1", q1="1").status_code == 303
        Appointment.objects.filter(pk=visit.pk).update(status="in_progress")
        assert send(http, path, **CALM).status_code == 409


def test_what_one_link_saved_is_there_by_the_next(world: World, http: Client, path: str) -> None:
    prove(http, path)
    send(http, path, later="1", q1="2")
    other = path_of(world.visit("integration-2"))
    again = Client()
    prove(again, other)
    assert "1 of 9 answered" in text_of(again.get(other))


def test_a_link_that_is_over_offers_a_new_one(world: World, http: Client, path: str) -> None:
    prove(http, path)
    send(http, path, later="1", q1="2")
    with time_machine.travel(world.visit("dose-2").end + timedelta(minutes=1)):
        answer = send(http, path, **CALM)
    assert answer.status_code == 404
    assert "Send me a new link" in text_of(answer)
    assert MeasureForm.objects.get().answers[0] == 2


@pytest.mark.usefixtures("both")
def test_they_are_asked_in_the_days_before_a_dose_and_once_a_week(
    world: World, http: Client, path: str, visit: Appointment
) -> None:
    def is_asked(at: Any) -> bool:
        with time_machine.travel(at):
            return "a few questions" in text_of(Client().get(path))

    first, third = world.visit("dose-1"), world.visit("dose-3")
    assert first.local_date.isocalendar()[1] == visit.local_date.isocalendar()[1]
    assert third.local_date.isocalendar()[1] == visit.local_date.isocalendar()[1] + 1
    assert not is_asked(first.start - timedelta(hours=73))
    assert is_asked(first.start - timedelta(hours=71))
    with time_machine.travel(first.start - timedelta(minutes=1)):
        prove(http, path)
        for number, count in ((PHQ, 9), (GAD, 7)):
            assert send(http, path, number, **everything("0", count)).status_code == 303
    assert not is_asked(visit.start - timedelta(minutes=1))
    path = path_of(third)
    assert is_asked(third.start - timedelta(minutes=1))


def test_after_the_last_dose_it_is_asked_before_the_visits_that_follow(
    world: World, http: Client, path: str
) -> None:
    last = world.visit("dose-6")
    Appointment.objects.filter(course=world.course, kind="dosing").update(status="fulfilled")

    def comes(days: int) -> str:
        """The link of the visit after the last dose, so many days after it; asked two days before."""
        start = last.start + timedelta(days=days)
        Appointment.objects.filter(course=world.course, ref="integration-6").update(
            start=start, end=start + timedelta(hours=1), local_date=last.local_date + timedelta(days=days)
        )
        return path_of(world.visit("integration-6"))

    def asked(days: int) -> bool:
        link = comes(days)
        with time_machine.travel(last.start + timedelta(days=days - 2)):
            return "a few questions" in text_of(Client().get(link))

    assert not asked(6)
    assert asked(8)
    link = comes(8)
    with time_machine.travel(last.start + timedelta(days=6)):
        prove(http, link)
        assert send(http, link, **CALM).status_code == 303
    assert Measure.objects.get().score == 8
    assert not asked(9)
    # A month after, and three months after, once more.
    assert asked(35)
    assert asked(100)
    # Nobody is asked for a visit that does not take place, or before it is near.
    with time_machine.travel(last.start + timedelta(days=90)):
        assert "a few questions" not in text_of(Client().get(link))
    Appointment.objects.filter(ref="integration-6").update(status="cancelled")
    assert not asked(100)


def test_a_protocol_may_ask_before_every_dose(
    world: World, http: Client, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asks(monkeypatch, measures.Asked(("PHQ-9",), each_dose=True))
    prove(http, path)
    send(http, path, **CALM)
    third = path_of(world.visit("dose-3"))
    with time_machine.travel(world.visit("dose-3").start - timedelta(minutes=1)):
        assert "a few questions" in text_of(Client().get(third))


def test_what_is_not_asked_cannot_be_sent(http: Client, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asks(monkeypatch, measures.Asked(("GAD-7",)))
    prove(http, path)
    assert "9 short questions" not in text_of(http.get(path))
    assert http.get(f"{path}/questions/1").status_code == 409
    assert send(http, path, **CALM).status_code == 409
    assert not MeasureForm.objects.exists()


def test_nobody_is_asked_for_a_dose_that_does_not_take_place(
    http: Client, path: str, visit: Appointment
) -> None:
    prove(http, path)
    Appointment.objects.filter(course=visit.course, kind="dosing").update(status="cancelled")
    assert "short questions" not in text_of(http.get(path))


# --- languages and words ----------------------------------------------------------------------------------
@pytest.mark.usefixtures("both")
def test_a_spanish_reader_has_the_published_spanish_and_is_told_of_what_has_none(
    world: World, http: Client, path: str
) -> None:
    Patient.objects.filter(pk=world.clinic.patient.pk).update(language="es")
    prove(http, path)
    told = text_of(http.get(path))
    assert "9 preguntas cortas" in told
    assert told.count("Solo están en inglés") == 1
    assert "Poco interés o placer en hacer cosas" in text_of(http.get(f"{path}/questions/1"))
    english = http.get(f"{path}/questions/2").content.decode()
    assert "<legend>1. Feeling nervous" in english
    assert 'lang="en" aria-describedby' in english
    send(http, path, **CALM)
    assert MeasureForm.objects.get().language == "es"


def test_each_instrument_has_as_many_items_in_every_language() -> None:
    for one in BY_CODE.values():
        assert {len(items) for items in one.items.values()} == {one.length}
        assert set(one.items) == set(one.lead) == set(one.choices)
        assert all(len(choices) == 4 for choices in one.choices.values())


@pytest.mark.usefixtures("both")
def test_looking_changes_nothing(http: Client, path: str) -> None:
    prove(http, path)
    before = rows()
    for number in (1, 2, 3, 0):
        http.get(f"{path}/questions/{number}")
        http.head(f"{path}/questions/{number}")
    assert rows() == before
    assert http.get(f"{path}/questions/3").status_code == 404
