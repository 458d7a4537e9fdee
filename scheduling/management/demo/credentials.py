"""Who may sign in, and the program's secret: kept in one private file, because the database keeps only
hashes.
"""

import json
import os
import secrets
from datetime import datetime
from pathlib import Path
from typing import Any

from clinic.practice import people, permissions, programs
from clinic.practice.actor import Actor
from clinic.practice.models import IntegrationClient, StaffMember

PROGRAM = "Demo program"


class Credentials:
    """What the file holds; what it has lost is made anew."""

    def __init__(self, path: Path) -> None:
        self.path = path
        held = json.loads(path.read_text()) if path.exists() else {}
        self.oauth: dict[str, str] = held.get("oauth", {})
        self.passwords: dict[str, str] = {one["username"]: one["password"] for one in held.get("staff", [])}
        self.staff: list[dict[str, str]] = []
        self._just_made: set[str] = set()

    def password_for_new(self, *, username: str) -> str:
        """A password for somebody who is about to be created, stored at once: a crash must not lose it."""
        password = self.passwords.setdefault(username, new_password())
        self._just_made.add(username)
        self.write(
            staff=[{"role": "", "username": name, "password": word} for name, word in self.passwords.items()]
        )
        return password

    def add(self, *, member: StaffMember, practice: str, actor: Actor, now: datetime) -> None:
        """List a member of staff; a password that is not theirs any more is replaced."""
        password = self.passwords.get(member.username, "")
        # Checking takes as long as making: what was just made is not checked.
        if member.username not in self._just_made and not (password and member.check_password(password)):
            password = new_password()
            people.set_password(actor=actor, staff_id=member.pk, password=password, now=now)
        self.staff.append(
            {
                "role": primary_role(member),
                "username": member.username,
                "password": password,
                "practice": practice,
            }
        )

    def add_program(self, *, actor: Actor, now: datetime) -> None:
        """The practice's program with every scope; a lost secret is renewed."""
        client_id = self.oauth.get("client_id", "")
        if programs.knows(actor=actor, client_id=client_id, secret=self.oauth.get("client_secret", "")):
            return
        known = IntegrationClient.objects.filter(practice_id=actor.practice_id, name=PROGRAM).first()
        if known is None:
            client, secret = programs.register(
                actor=actor, name=PROGRAM, scopes=tuple(permissions.SCOPES), now=now
            )
        else:
            client = known
            secret = programs.renew_secret(actor=actor, client_id=known.client_id, now=now)
        self.oauth = {"client_id": client.client_id, "client_secret": secret}

    def write(self, *, staff: list[dict[str, str]] | None = None) -> None:
        """Put the file in place in one step, readable by its owner only."""
        contents: dict[str, Any] = {"oauth": self.oauth, "staff": self.staff if staff is None else staff}
        draft = self.path.with_name(self.path.name + ".new")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump(contents, file, indent=1)
        draft.replace(self.path)


def new_password() -> str:
    """Twenty-four random characters."""
    return secrets.token_urlsafe(18)


def primary_role(member: StaffMember) -> str:
    """The role that a person with several is listed under: the first in the order of the permission table."""
    order = (
        "clinical_lead",
        "practice_admin",
        "prescriber",
        "monitor",
        "therapist",
        "operator",
        "front_desk",
    )
    return next((role for role in order if role in member.roles), "")
