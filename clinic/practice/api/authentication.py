"""Bearer tokens of programs: a token is valid while it, its client and the client's grant of scopes are."""

import hashlib
from dataclasses import dataclass
from typing import Any

import pghistory
from django.utils import timezone
from oauth2_provider.models import AccessToken
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from clinic.practice.actor import Actor, program_id
from clinic.practice.joined import Joined
from clinic.practice.models import IntegrationClient

_TOKENS = Joined(AccessToken, "application")


@dataclass(frozen=True, slots=True)
class Program:
    """What DRF calls the user: a program, never a person."""

    actor: Actor
    is_authenticated: bool = True
    is_active: bool = True
    is_anonymous: bool = False

    @property
    def pk(self) -> str:
        return self.actor.ref


def actor_of(*, client: IntegrationClient, granted: str) -> Actor:
    """The actor that a program is: of its client's practice, with no more scopes than the client may have
    now.
    """
    return Actor(
        practice_id=client.practice_id,
        kind="client",
        id=program_id(client_id=client.client_id),
        scopes=frozenset(granted.split()) & frozenset(client.allowed_scopes.split()),
        label=client.name,
    )


class BearerAuthentication(BaseAuthentication):
    """Finds the token by its hash, the only form in which it is stored.

    The client is read with it on every request, so that a client switched off, or with fewer scopes, is
    so at once.
    The token comes in the Authorization header only: addresses end up in logs.
    """

    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        scheme, _, value = get_authorization_header(request).partition(b" ")
        if scheme.lower() != b"bearer":
            return None
        checksum = hashlib.sha256(value.strip()).hexdigest()
        found = _TOKENS.fetch(
            "WHERE one.token_checksum = %s AND one.expires > %s", [checksum, timezone.now()]
        )
        token = found[0] if found else None
        if token is None or token.application is None or not token.application.is_active:
            raise AuthenticationFailed("The access token is not valid, or no longer.")
        actor = actor_of(client=token.application, granted=token.scope)
        # Joins the context that the middleware opened for a writing request: row history says which program.
        pghistory.context(actor=actor.ref)
        return Program(actor=actor), token

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"
