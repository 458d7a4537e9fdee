"""Programs that integrate with a practice."""

import io

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from clinic.practice import programs
from clinic.practice.errors import Invalid, NotAllowed, NotFound
from clinic.practice.models import IntegrationClient, Practice, TrailEntry
from tests import factories
from tests.api.conftest import Api, issue

pytestmark = pytest.mark.django_db
NOW = factories.NOW


@pytest.fixture
def boss():
    return factories.admin(factories.practice())


def register(actor, scopes=("read:sites",)):
    return programs.register(actor=actor, name="EHR", scopes=scopes, now=NOW)


def test_a_secret_is_told_once_and_kept_as_a_hash(boss):
    client, secret = register(boss)
    stored = IntegrationClient.objects.get(pk=client.pk)
    assert secret not in stored.client_secret
    assert (stored.practice_id, stored.allowed_scopes) == (boss.practice_id, "read:sites")
    assert programs.knows(actor=boss, client_id=stored.client_id, secret=secret)
    assert not programs.knows(actor=boss, client_id=stored.client_id, secret="another")
    assert not TrailEntry.objects.filter(data__icontains=secret).exists()


def test_a_renewed_secret_replaces_the_former(boss):
    client, former = register(boss)
    secret = programs.renew_secret(actor=boss, client_id=client.client_id, now=NOW)
    assert programs.knows(actor=boss, client_id=client.client_id, secret=secret)
    assert not programs.knows(actor=boss, client_id=client.client_id, secret=former)


def test_an_unknown_scope_is_refused(boss):
    with pytest.raises(Invalid):
        register(boss, scopes=("write:everything",))
    assert not IntegrationClient.objects.exists()


def test_a_program_cannot_make_another_and_a_desk_cannot_make_one(boss):
    ours = factories.practice()
    for actor in (factories.program(ours), factories.actor(ours, "front_desk")):
        with pytest.raises(NotAllowed):
            register(actor)


def test_another_practices_program_is_not_there(boss):
    client, secret = register(boss)
    other = factories.admin(factories.practice())
    with pytest.raises(NotFound):
        programs.renew_secret(actor=other, client_id=client.client_id, now=NOW)
    assert not programs.knows(actor=other, client_id=client.client_id, secret=secret)


def test_a_stopped_program_is_out_at_its_next_request_until_it_is_let_in(boss):
    practice = Practice.objects.get(pk=boss.practice_id)
    made = factories.client(practice, secret="a-secret-of-the-test")
    api = Api(token=issue(made))
    assert api.get("sites/").status_code == 200
    programs.switch(actor=boss, client_id=made.client_id, on=False, now=NOW)
    assert api.get("sites/").status_code == 401
    form = {"grant_type": "client_credentials", "client_id": made.client_id}
    form["client_secret"] = "a-secret-of-the-test"
    assert Client().post("/oauth/token/", form).status_code == 401
    call_command("stop_program", boss.practice_id, made.client_id, resume=True, stdout=io.StringIO())
    assert api.get("sites/").status_code == 401
    assert Client().post("/oauth/token/", form).status_code == 200
    verbs = TrailEntry.objects.filter(subject_kind="program").order_by("id").values_list("verb", flat=True)
    assert list(verbs)[-2:] == ["program.stopped", "program.resumed"]
    with pytest.raises(CommandError):
        call_command("stop_program", factories.practice().pk, made.client_id)
