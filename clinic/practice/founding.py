"""The first of everything: a practice, its first site, and the person who may make the rest."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from clinic.practice import actor as actors
from clinic.practice import directory, people, writing
from clinic.practice.errors import Invalid
from clinic.practice.ids import new_id
from clinic.practice.models import Practice, Site, StaffMember
from clinic.practice.models.staff import Role

UNIQUE = {constraint: f"admin.{field}" for constraint, field in people.UNIQUE.items()}


@dataclass(frozen=True, slots=True)
class Founded:
    """What was made."""

    practice: Practice
    site: Site
    admin: StaffMember


def found(
    *,
    practice: Mapping[str, Any],
    site: Mapping[str, Any],
    username: str,
    password: str,
    now: datetime,
    email: str = "",
) -> Founded:
    """A practice, its first site and its first practice administrator, all of them or none.

    `practice` holds name and message_name, `site` name and time_zone. It takes no actor, as in
    `directory.create_practice`. Raises Invalid, with fields such as `site.time_zone` and `admin.username`;
    nothing is kept then.
    """
    # The person's name is not known here: they can be renamed as anybody else.
    person: dict[str, Any] = {"given_name": username, "family_name": "Administrator", "email": email}
    person |= {"roles": [Role.PRACTICE_ADMIN.value]}
    site_id, admin_id = new_id(), new_id()
    with writing.clashes(UNIQUE), transaction.atomic(durable=True):
        with _named("practice"):
            made = directory.insert_practice(given=practice, now=now)
        actor = actors.system(practice_id=made.pk)
        with _named("site"):
            first_site = directory.insert_site(actor=actor, site_id=site_id, given=site)
        writing.tell(actor=actor, now=now, verb="create", kind="site", row_id=site_id)
        with _named("admin"):
            admin = people.insert_staff_member(
                actor=actor,
                staff_id=admin_id,
                username=username,
                password=password,
                given={**person, "home_site": site_id},
            )
        writing.tell(actor=actor, now=now, verb="create", kind="practitioner", row_id=admin_id)
    return Founded(practice=made, site=first_site, admin=admin)


@contextmanager
def _named(part: str) -> Iterator[None]:
    """Three things have a name here: say whose field is wrong."""
    try:
        yield
    except Invalid as error:
        raise Invalid({f"{part}.{field}": told for field, told in error.fields.items()}) from error
