"""What a protocol says of messages, in its form: shown, changed, refused where impossible."""

from typing import Any

import pytest
from django.test import Client

from scheduling.models import ProtocolVersion
from tests.web.conftest import World, signed_in


@pytest.fixture
def admin(world: World) -> Client:
    return signed_in(world.staff("practice_admin"))


def latest(world: World) -> ProtocolVersion:
    return ProtocolVersion.objects.filter(template=world.protocol).latest("version")


def save(client: Client, world: World, **typed: Any) -> Any:
    data = {"save": "1", "version": latest(world).version}
    data |= {f"messages.{name.replace('__', '.')}": value for name, value in typed.items()}
    return client.post(f"/set-up/protocols/{world.protocol.pk}/", data)


def test_what_is_said_becomes_the_next_version_and_what_is_blank_is_not_said(
    admin: Client, world: World
) -> None:
    before = latest(world)
    answer = save(admin, world, reminder_72h__on="no", preparation__hours="240", no_show__on="")
    assert answer.status_code == 303, answer.content.decode()
    assert latest(world).version == before.version + 1
    said = {"reminder_72h": {"on": False}, "preparation": {"hours": 240}}
    assert latest(world).document == {**before.document, "messages": said}
    page = admin.get(f"/set-up/protocols/{world.protocol.pk}/").content.decode()
    assert "Message: How to prepare" in page
    assert (
        'name="messages.preparation.hours" inputmode="decimal" maxlength="8" autocomplete="off" value="240"'
        in page
    )
    assert save(admin, world, reminder_72h__on="", preparation__hours="").status_code == 303
    assert latest(world).document == before.document


def test_the_last_reminder_needs_a_reason_here_too(admin: Client, world: World) -> None:
    before = latest(world).version
    answer = save(admin, world, reminder_24h__on="no")
    assert answer.status_code == 422
    assert "Say why nobody is reminded" in answer.content.decode()
    assert latest(world).version == before
    assert save(admin, world, reminder_24h__on="no", reminder_24h__reason="Daily visits.").status_code == 303
    said = {"on": False, "reason": "Daily visits."}
    assert latest(world).document["messages"] == {"reminder_24h": said}


@pytest.mark.parametrize("hours", ["12", "many", "100.5"])
def test_hours_that_cannot_be_are_refused_beside_their_field(admin: Client, world: World, hours: str) -> None:
    answer = save(admin, world, preparation__hours=hours)
    assert answer.status_code == 422
    assert 'id="messages.preparation.hours-told"' in answer.content.decode()
