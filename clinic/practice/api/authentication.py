"""Bearer tokens of programs: a token is valid while its client and its practice's grant are."""

from dataclasses import dataclass
from typing import Any

from oauth2_provider.contrib.rest_framework import OAuth2Authentication
from rest_framework.request import Request

from clinic.practice.actor import Actor


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


class BearerAuthentication(OAuth2Authentication):
    def authenticate(self, request: Request) -> tuple[Any, Any] | None:
        found = super().authenticate(request)
        if found is None:
            return None
        token = found[1]
        client = token.application
        if client is None or not client.is_active:
            return None
        allowed = frozenset(client.allowed_scopes.split())
        actor = Actor(
            practice_id=client.practice_id,
            kind="client",
            id=None,
            scopes=frozenset(token.scope.split()) & allowed,
            label=client.name,
        )
        return Program(actor=actor), token
