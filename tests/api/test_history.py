"""Row history says who, joins the request's log line, and cannot be rewritten; so does the trail."""

from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from clinic.config.middleware import HistoryContextMiddleware
from clinic.practice.models import Site, TrailEntry
from tests import factories
from tests.api.conftest import Api

pytestmark = pytest.mark.django_db
SiteEvent = Site.pgh_event_model  # type: ignore[attr-defined]


def test_a_program_s_change_names_it_and_its_request(api: Api) -> None:
    made = api.post("sites/", {"name": "North", "time_zone": "UTC"})
    site = made.json()["id"]
    changed = api.patch(f"sites/{site}/", {"name": "South"}, if_match=made["ETag"])
    events = list(SiteEvent.objects.filter(pgh_obj_id=site).order_by("pgh_id"))
    assert [event.pgh_label for event in events] == ["insert", "update"]
    assert [event.name for event in events] == ["North", "South"]
    for event, answer in zip(events, (made, changed), strict=True):
        told = event.pgh_context.metadata
        assert told["actor"].startswith("client:")
        assert told["request_id"] == answer["X-Request-ID"]
    trail = TrailEntry.objects.get(subject_id=site, verb="create")
    assert trail.actor_ref == events[0].pgh_context.metadata["actor"]
    assert trail.actor_label == "Test program"
    assert trail.request_id == made["X-Request-ID"]


def test_a_person_s_change_names_them(rf: RequestFactory, clinic: factories.Clinic, settings: Any) -> None:
    def view(request: HttpRequest) -> HttpResponse:
        Site.objects.filter(pk=clinic.site.pk).update(name="By a person")
        return HttpResponse()

    request = rf.post("/")
    request.user = clinic.front_desk
    request.COOKIES[settings.SESSION_COOKIE_NAME] = "theirs"
    HistoryContextMiddleware(view)(request)
    event = SiteEvent.objects.filter(pgh_obj_id=clinic.site.pk).latest("pgh_id")
    assert event.pgh_context.metadata["actor"] == f"staff:{clinic.front_desk.pk}"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE practice_siteevent SET name = 'rewritten'",
        "DELETE FROM practice_siteevent",
        "UPDATE practice_trailentry SET reason = 'rewritten'",
        "DELETE FROM practice_trailentry",
    ],
)
def test_the_past_cannot_be_rewritten(clinic: factories.Clinic, statement: str) -> None:
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_every_table_of_history_is_append_only() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.relname FROM pg_class c WHERE c.relkind = 'r' AND c.relname ~ 'event$'"
            " AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'pgh_id')"
            " AND NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgname ~ 'append_only')"
        )
        assert cursor.fetchall() == []
