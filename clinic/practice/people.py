"""Changing who works in the practice: one transaction with its trail row each, as in `directory`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.auth import password_validation
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError

from clinic.practice import fields, permissions, queries, writing
from clinic.practice.actor import Actor
from clinic.practice.models import Resource, StaffMember
from clinic.practice.models.staff import Role

ROLES = frozenset(role.value for role in Role)
UNIQUE = {"practice_staffmember_username_key": "username"}
CHANGEABLE = (
    "given_name",
    "family_name",
    "email",
    "roles",
    "skills",
    "home_site",
    "buffer_minutes",
    "travel_minutes",
    "is_active",
)


def create_staff_member(
    *,
    actor: Actor,
    username: str,
    given_name: str,
    family_name: str,
    roles: Sequence[str],
    now: datetime,
    email: str = "",
    skills: Sequence[str] = (),
    home_site_id: UUID | None = None,
    buffer_minutes: int = 0,
    travel_minutes: int = 60,
    password: str | None = None,
    key: writing.Key = None,
) -> StaffMember:
    """A person who works here, and the resource that visits occupy. Without a password nobody can sign in
    as them.

    `buffer_minutes` are kept free after each of their visits, `travel_minutes` between visits at
    different sites.
    """
    given: dict[str, Any] = {
        "given_name": given_name,
        "family_name": family_name,
        "email": email,
        "roles": roles,
    }
    given |= {"skills": skills, "home_site": home_site_id}
    given |= {"buffer_minutes": buffer_minutes, "travel_minutes": travel_minutes}

    def make(staff_id: UUID) -> StaffMember:
        return insert_staff_member(
            actor=actor, staff_id=staff_id, username=username, password=password, given=given
        )

    return writing.create(
        actor=actor,
        capability="practitioners.write",
        key=key,
        now=now,
        kind="practitioner",
        make=make,
        load=lambda staff_id: queries.practitioner(actor=actor, staff_id=staff_id),
        unique=UNIQUE,
    )


def insert_staff_member(
    *, actor: Actor, staff_id: UUID, username: str, password: str | None, given: Mapping[str, Any]
) -> StaffMember:
    """A person with their resource and without a trail row, inside the caller's transaction."""
    values = _values(actor, given)
    member = StaffMember(id=staff_id, username=_username(username), practice_id=actor.practice_id, **values)
    _password(member, password)
    member.resource = Resource.objects.create(practice_id=actor.practice_id, kind=Resource.Kind.PRACTITIONER)
    member.save(force_insert=True)
    return member


def update_staff_member(
    *, actor: Actor, staff_id: UUID, changes: Mapping[str, Any], now: datetime, version: int | None = None
) -> StaffMember:
    """Change a person's name, address, roles, skills, home site, minutes kept free, or whether they work
    here at all.
    """
    permissions.check(actor=actor, capability="practitioners.write")
    fields.only(changes=changes, allowed=CHANGEABLE)
    with writing.transaction():
        member = queries.practitioner(actor=actor, staff_id=staff_id, lock=True)
        writing.fresh(held=member.version, read=version)
        values = _values(actor, changes)
        writing.save(row=member, values=values)
        writing.tell(
            actor=actor, now=now, verb="update", kind="practitioner", row_id=member.pk, fields=changes
        )
    return member


def set_password(*, actor: Actor, staff_id: UUID, password: str, now: datetime) -> None:
    """Give a person a new password. Raises Invalid when it is too weak."""
    permissions.check(actor=actor, capability="practitioners.write")
    with writing.transaction():
        member = queries.practitioner(actor=actor, staff_id=staff_id, lock=True)
        _password(member, password)
        member.save(update_fields=["password"])
        writing.tell(actor=actor, now=now, verb="set_password", kind="practitioner", row_id=member.pk)


def _values(actor: Actor, given: Mapping[str, Any]) -> dict[str, Any]:
    problems = fields.Problems()
    values: dict[str, Any] = {}
    for ours, theirs in (("given_name", "first_name"), ("family_name", "last_name")):
        if ours in given:
            values[theirs] = fields.text(problems, ours, given[ours], longest=150)
    if "email" in given:
        values["email"] = fields.email(problems, "email", given["email"]) if given["email"] else ""
    if "roles" in given:
        values["roles"] = _words(problems, "roles", given["roles"], known=ROLES)
    if "skills" in given:
        values["skills"] = _words(problems, "skills", given["skills"], known=None)
    if "home_site" in given:
        site_id = given["home_site"]
        values["home_site"] = queries.site(actor=actor, site_id=site_id) if site_id else None
    for name in ("buffer_minutes", "travel_minutes"):
        if name in given:
            values[name] = fields.integer(problems, name, given[name], least=0, most=480)
    if "is_active" in given:
        values["is_active"] = fields.flag(problems, "is_active", given["is_active"])
    problems.raise_if_any()
    return values


def _words(
    problems: fields.Problems, field: str, given: object, *, known: frozenset[str] | None
) -> list[str]:
    if not isinstance(given, list | tuple | set | frozenset) or len(given) > 50:
        problems.add(field, "Must be a list of at most 50 words.")
        return []
    if known is None:
        words = [fields.text(problems, field, word, longest=50) for word in given]
    else:
        words = [fields.choice(problems, field, word, known) for word in given]
    return sorted(set(words))


def _username(username: object) -> str:
    """In lower case: the sign-in makes no difference of case, and lets neither of two in that differ by it.

    Usernames are shared by all practices, so a twin made in one would shut somebody out in another.
    """
    problems = fields.Problems()
    clean = fields.text(problems, "username", username, longest=150)
    try:
        UnicodeUsernameValidator()(clean)
    except ValidationError as error:
        problems.add("username", error.messages[0])
    problems.raise_if_any()
    return clean.lower()


def _password(member: StaffMember, password: str | None) -> None:
    if password is None:
        member.set_unusable_password()
        return
    try:
        password_validation.validate_password(password, user=member)
    except ValidationError as error:
        problems = fields.Problems()
        problems.add("password", " ".join(error.messages))
        problems.raise_if_any()
    member.set_password(password)
