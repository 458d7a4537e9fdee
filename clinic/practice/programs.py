"""Programs that integrate with a practice: their OAuth2 clients. The secret is told once, when it is made."""

import secrets
from collections.abc import Collection
from datetime import datetime

from django.contrib.auth.hashers import check_password
from django.db import transaction
from oauth2_provider.models import AccessToken

from clinic.practice import fields, permissions, queries, trail
from clinic.practice.actor import Actor, program_id
from clinic.practice.errors import NotAllowed, NotFound
from clinic.practice.models import IntegrationClient

SECRET_BYTES = 32


def register(
    *, actor: Actor, name: str, scopes: Collection[str], now: datetime
) -> tuple[IntegrationClient, str]:
    """A client for the client-credentials grant, with its secret: the row keeps only a hash of it.

    `scopes` bound what its tokens can ever carry. A program cannot make another one. Raises NotAllowed,
    Invalid.
    """
    _check(actor)
    problems = fields.Problems()
    clean = fields.text(problems, "name", name, longest=255)
    if not scopes:
        problems.add("scopes", "Name at least one.")
    for scope in scopes:
        fields.choice(problems, "scopes", scope, permissions.SCOPES.keys())
    problems.raise_if_any()
    secret = secrets.token_urlsafe(SECRET_BYTES)
    with transaction.atomic(durable=True):
        client = IntegrationClient.objects.create(
            practice=queries.practice(actor=actor),
            name=clean,
            client_type=IntegrationClient.CLIENT_CONFIDENTIAL,
            authorization_grant_type=IntegrationClient.GRANT_CLIENT_CREDENTIALS,
            client_secret=secret,
            allowed_scopes=" ".join(sorted(scopes)),
        )
        _tell(actor, now, "program.registered", client)
    return client, secret


def renew_secret(*, actor: Actor, client_id: str, now: datetime) -> str:
    """A new secret for a client; the former one stops working, and so does every token had with it.

    Raises NotAllowed, NotFound.
    """
    _check(actor)
    with transaction.atomic(durable=True):
        client = _locked(actor, client_id)
        told = secrets.token_urlsafe(SECRET_BYTES)
        client.client_secret = told
        # The field hashes what it is given on its way to the database.
        client.save(update_fields=["client_secret", "updated"])
        AccessToken.objects.filter(application=client).delete()
        _tell(actor, now, "program.secret_renewed", client)
    return told


def switch(*, actor: Actor, client_id: str, on: bool, now: datetime) -> None:
    """Stop a client at once, its tokens with it, or let it in again. Raises NotAllowed, NotFound."""
    _check(actor)
    with transaction.atomic(durable=True):
        client = _locked(actor, client_id)
        client.is_active = on
        client.save(update_fields=["is_active", "updated"])
        AccessToken.objects.filter(application=client).delete()
        _tell(actor, now, "program.resumed" if on else "program.stopped", client)


def knows(*, actor: Actor, client_id: str, secret: str) -> bool:
    """Whether this is the secret of a client of the practice."""
    found = IntegrationClient.objects.filter(practice_id=actor.practice_id, client_id=client_id).first()
    return found is not None and check_password(secret, found.client_secret)


def _locked(actor: Actor, client_id: str) -> IntegrationClient:
    found = IntegrationClient.objects.select_for_update()
    client: IntegrationClient | None = found.filter(
        practice_id=actor.practice_id, client_id=client_id
    ).first()
    if client is None:
        raise NotFound()
    return client


def _check(actor: Actor) -> None:
    if actor.kind == "client":
        raise NotAllowed(capability="practices.write")
    permissions.check(actor=actor, capability="practices.write")


def _tell(actor: Actor, now: datetime, verb: str, client: IntegrationClient) -> None:
    step = trail.Step(verb, "program", program_id(client_id=client.client_id))
    trail.record(actor=actor, at=now, steps=[step])
