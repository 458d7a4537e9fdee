"""Every refusal is a problem+json with a stable code, and the same bytes for what is missing and what is
not yours."""

from uuid import uuid4

import pytest
from django.db import DataError, IntegrityError, OperationalError
from django.test import Client, RequestFactory
from psycopg import errors as postgres

from clinic.config import errors
from clinic.practice import errors as shared
from scheduling import errors as scheduling
from scheduling.states import InvalidTransition
from tests import factories
from tests.api.conftest import Api, program

MEMBERS = {"type", "title", "status", "code", "detail"}


def refusals() -> list[tuple[Exception, int, str]]:
    moves = InvalidTransition(machine="appointment", state="booked", verb="discharge", allowed=("confirm",))
    return [
        (shared.Invalid({"name": ["Too long."]}), 400, "invalid"),
        (shared.NotAllowed(capability="sites.write"), 403, "not_allowed"),
        (shared.NotFound(), 404, "not_found"),
        (shared.Conflict(), 409, "conflict"),
        (shared.Busy(), 409, "busy"),
        (shared.Stale(), 412, "stale"),
        (shared.KeyReused(), 422, "idempotency_key_reused"),
        (shared.KeyInFlight(), 409, "idempotency_in_flight"),
        (moves, 409, "invalid_transition"),
        (scheduling.SlotTaken(clashes=[]), 409, "slot_taken"),
        (scheduling.Unplannable(rules=[]), 422, "unplannable"),
        (scheduling.RuleViolation(violations=[]), 422, "rule_violation"),
        (scheduling.ProposalExpired(), 409, "proposal_expired"),
        (scheduling.InTheFuture(), 422, "in_the_future"),
    ]


@pytest.mark.parametrize(("error", "status", "code"), refusals(), ids=lambda value: str(value)[:30])
def test_every_domain_error_has_its_status_and_code(error: Exception, status: int, code: str) -> None:
    answer = errors.exception_handler(error, {})
    assert answer is not None
    assert (answer.status_code, answer.data["code"]) == (status, code)
    assert set(answer.data) >= MEMBERS
    assert answer.data["type"] == "about:blank"


def test_what_may_be_tried_again_says_when() -> None:
    for error in (shared.Busy(), shared.KeyInFlight()):
        answer = errors.exception_handler(error, {})
        assert answer is not None
        assert answer["Retry-After"] == "1"


def all_domain_errors() -> set[type[shared.DomainError]]:
    found: set[type[shared.DomainError]] = set()
    waiting = [shared.DomainError]
    while waiting:
        for kind in waiting.pop().__subclasses__():
            found.add(kind)
            waiting.append(kind)
    return found


def test_codes_are_unique_and_statuses_are_the_callers() -> None:
    kinds = all_domain_errors()
    leaves = [kind for kind in kinds if not kind.__subclasses__()]
    codes = [kind.code for kind in leaves]
    assert len(codes) == len(set(codes))
    for kind in kinds:
        status = errors.status_of(kind.__new__(kind))
        assert status is not None
        assert 400 <= status < 500


def database_error(kind: type[Exception], cause: type[Exception]) -> Exception:
    error = kind("hidden: a name")
    error.__cause__ = cause("hidden: a name")
    return error


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (database_error(IntegrityError, postgres.UniqueViolation), 409, "conflict"),
        (database_error(DataError, postgres.NumericValueOutOfRange), 400, "invalid"),
        (database_error(OperationalError, postgres.LockNotAvailable), 409, "busy"),
        (database_error(OperationalError, postgres.DeadlockDetected), 409, "busy"),
        (database_error(OperationalError, postgres.QueryCanceled), 409, "busy"),
    ],
)
def test_what_a_caller_can_cause_in_the_database_is_told_without_its_words(
    error: Exception, status: int, code: str
) -> None:
    answer = errors.exception_handler(error, {})
    assert answer is not None
    assert (answer.status_code, answer.data["code"]) == (status, code)
    assert "hidden" not in str(answer.data)


def test_what_is_our_fault_is_not_dressed_up() -> None:
    assert errors.exception_handler(ZeroDivisionError(), {}) is None
    assert errors.exception_handler(database_error(IntegrityError, postgres.NotNullViolation), {}) is None


@pytest.mark.parametrize("view", ["bad_request", "not_allowed", "not_found", "server_error"])
def test_django_s_own_refusals_are_problems_for_programs(view: str) -> None:
    arguments = () if view == "server_error" else (Exception("a name"),)
    answer = getattr(errors, view)(RequestFactory().get("/api/v1/x/"), *arguments)
    assert answer["Content-Type"] == "application/problem+json"
    assert b"a name" not in answer.content


@pytest.mark.django_db
def test_an_unknown_address_a_missing_and_a_foreign_object_look_the_same(
    api: Api, clinic: factories.Clinic
) -> None:
    theirs = factories.site(factories.practice())
    answers = [
        api.get(f"sites/{uuid4()}/"),
        api.get(f"sites/{theirs.pk}/"),
        api.get("sites/not-an-id/"),
        api.get("nothing-of-the-kind/"),
    ]
    assert {answer.status_code for answer in answers} == {404}
    assert {answer["Content-Type"] for answer in answers} == {"application/problem+json"}
    assert len({answer.content for answer in answers}) == 1


@pytest.mark.django_db
def test_what_the_address_does_not_take(api: Api) -> None:
    wrong = api.delete("sites/")
    assert (wrong.status_code, wrong.json()["code"]) == (405, "method_not_allowed")
    assert "GET" in wrong["Allow"]
    assert api.send("POST", "sites/", raw=b"<site/>", content_type="text/xml").status_code == 415
    form = api.send("POST", "sites/", raw=b"name=x", content_type="application/x-www-form-urlencoded")
    assert (form.status_code, form.json()["code"]) == (415, "unsupported_media_type")
    assert api.get("sites/", accept="text/csv").status_code == 406


@pytest.mark.django_db
@pytest.mark.parametrize(
    "query", ["colour=red", "page=2", "format=xml", "status=active&status=paused", "limit=0"]
)
def test_unknown_and_repeated_parameters_are_refused(api: Api, query: str) -> None:
    answer = api.get(f"courses/?{query}")
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert query.partition("=")[0] in answer.json()["fields"]


@pytest.mark.django_db
def test_unknown_fields_are_refused_by_their_path(api: Api) -> None:
    body = {
        "name": "x",
        "time_zone": "UTC",
        "practice": "mine",
        "hours": [{"weekday": 1, "opens": "09:00", "closes": "10:00", "colour": "red"}],
    }
    fields = api.post("sites/", body).json()["fields"]
    assert fields == {
        "practice": ["This field is unknown here."],
        "hours.0.colour": ["This field is unknown here."],
    }


@pytest.mark.django_db
def test_without_the_scope_existing_and_missing_are_both_403(clinic: factories.Clinic) -> None:
    nosy = program(clinic.practice, "read:rooms")
    own, missing = nosy.get(f"patients/{clinic.patient.pk}/"), nosy.get(f"patients/{uuid4()}/")
    assert own.status_code == missing.status_code == 403
    assert own.content == missing.content


@pytest.mark.django_db
def test_answers_about_people_are_never_kept(api: Api) -> None:
    answer = api.get("patients/")
    assert answer["Cache-Control"] == "no-store"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert len(answer["X-Request-ID"]) == 32


def test_health_is_told_without_a_token(db: None) -> None:
    assert Client().get("/health/live").json() == {"status": "live"}
    assert Client().get("/health/ready").json() == {"status": "ready"}
    assert Client().post("/health/live").status_code == 405


@pytest.mark.django_db
def test_metrics_count_routes_and_never_ids(api: Api, clinic: factories.Clinic, settings: object) -> None:
    api.get(f"patients/{clinic.patient.pk}/")
    told = Client().get("/metrics").content.decode()
    assert 'route="api/v1/patients/<uuid:id>/"' in told
    assert str(clinic.patient.pk) not in told
    assert "clinic_gaps_flagged" in told
    settings.METRICS_TOKEN = "of-the-scraper"  # type: ignore[attr-defined]
    assert Client().get("/metrics").status_code == 401
    assert Client().get("/metrics", headers={"Authorization": "Bearer of-the-scraper"}).status_code == 200
