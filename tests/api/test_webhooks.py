"""Webhooks over the API: made, changed, ended; the secret is shown once."""

from datetime import timedelta

import pytest
from django.utils import timezone

from notifications.webhooks import subscriptions
from tests import factories
from tests.api.conftest import Api
from tests.scheduling.booking import booked

pytestmark = pytest.mark.django_db
BODY = {"url": "https://hooks.example.org/in", "event_types": ["course.booked"]}


def test_the_secret_is_shown_when_it_is_made_and_never_again(api: Api) -> None:
    made = api.post("webhooks/", BODY, idempotency_key="once")
    assert made.status_code == 201
    secret = made.json()["secret"]
    assert secret.startswith("whsec_")
    assert api.post("webhooks/", BODY, idempotency_key="once").json() == made.json()
    address = f"webhooks/{made.json()['id']}/"
    for answer in (api.get(address), api.get("webhooks/")):
        assert secret not in answer.content.decode()
        assert "secret" not in answer.json()
    changed = api.patch(address, {"description": "Records"}, if_match=made["ETag"])
    assert changed.status_code == 200
    assert "secret" not in changed.json()
    renewed = api.post(f"{address}rotate-secret/", {})
    assert renewed.json()["secret"] not in (secret, None)


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"url": "https://127.0.0.1/"}, "url"),
        ({"url": "http://hooks.example.org/"}, "url"),
        ({"url": "https://user@hooks.example.org/"}, "url"),
        ({"event_types": []}, "event_types"),
        ({"event_types": ["course.everything"]}, "event_types.0"),
        ({"secret": "whsec_mine"}, "secret"),
    ],
)
def test_what_is_refused_names_its_field(api: Api, wrong: dict[str, object], field: str) -> None:
    answer = api.post("webhooks/", BODY | wrong)
    assert answer.status_code == 400
    assert list(answer.json()["fields"]) == [field]


def test_a_practice_has_so_many_and_no_more(api: Api) -> None:
    for _ in range(subscriptions.MOST):
        assert api.post("webhooks/", BODY).status_code == 201
    answer = api.post("webhooks/", BODY)
    assert (answer.status_code, answer.json()["code"]) == (409, "too_many")


def test_a_change_needs_the_version_that_was_read(api: Api) -> None:
    made = api.post("webhooks/", BODY)
    address = f"webhooks/{made.json()['id']}/"
    assert api.patch(address, {"is_active": False}).status_code == 428
    assert api.patch(address, {"is_active": False}, if_match=made["ETag"]).status_code == 200
    assert api.patch(address, {"is_active": True}, if_match=made["ETag"]).status_code == 412
    assert api.delete(address, if_match=made["ETag"]).status_code == 412
    assert api.delete(address).status_code == 204
    assert api.get(address).status_code == 404


def test_a_span_is_queued_once_a_key_and_listed(api: Api, clinic: factories.Clinic) -> None:
    booked.book(clinic)
    made = api.post("webhooks/", BODY)
    address = f"webhooks/{made.json()['id']}/"
    now = timezone.now()
    span = {
        "since": (now - timedelta(days=1)).isoformat(),
        "until": (now + timedelta(days=1)).isoformat(),
    }
    first = api.post(f"{address}replay/", span, idempotency_key="span")
    again = api.post(f"{address}replay/", span, idempotency_key="span")
    assert first.json() == again.json() == {"queued": 1}
    [delivery] = api.get(f"{address}deliveries/?status=pending").json()["results"]
    assert (delivery["event_type"], delivery["attempts"]) == ("course.booked", 0)
    assert api.get(f"{address}deliveries/?status=failed").json()["results"] == []
    upside_down = api.post(f"{address}replay/", {"since": span["until"], "until": span["since"]})
    assert upside_down.status_code == 400
