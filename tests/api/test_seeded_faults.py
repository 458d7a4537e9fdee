"""The access matrix sees what it is for: with one scoping of the product taken away, it fails.

Each fault is one that a change could leave behind: a list or a lock that forgets whose practice is asking, an
object below another that is looked up by its own id alone, a capability that is opened too far.
"""

import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest import mock

import pytest
from django.db.models import QuerySet

from clinic.practice import queries as places
from clinic.practice import reads, work
from clinic.practice.actor import Actor
from clinic.practice.api import authentication
from clinic.practice.permissions import EVERYONE, GRANTS, SCOPES, Grant
from notifications.reading import queries as ledger
from notifications.webhooks import subscriptions
from patients import decisions
from patients import queries as patients
from scheduling.booking.guard import access as loaders
from scheduling.booking.own import feeds
from scheduling.booking.protocol import protocols
from scheduling.booking.waiting import waiting
from scheduling.roster import shifts
from tests.api import access, matrix
from tests.api.access import API, World
from tests.api.access_pages import PAGES

Broken = AbstractContextManager[Any]


@contextmanager
def forgotten(function: Callable[..., Any], *names: str) -> Iterator[None]:
    """While it lasts, `function` filters as if these arguments of its `filter()` had been left out."""
    whole, code = QuerySet.filter, function.__code__

    def narrowed(rows: Any, *args: Any, **kwargs: Any) -> Any:
        # One frame up for a queryset's own method, two when it was asked for by the manager.
        if code in (sys._getframe(1).f_code, sys._getframe(2).f_code):
            assert set(names) <= set(kwargs), "there is no such scoping to take away"
            kwargs = {name: value for name, value in kwargs.items() if name not in names}
        return whole(rows, *args, **kwargs)

    with mock.patch.object(QuerySet, "filter", narrowed):
        yield


def everybodys() -> Broken:
    """The statements that lock a visit or a course ask for nobody's in particular."""
    return mock.patch.object(loaders, "_theirs", lambda actor: ("true", []))


def granted(capability: str, *, scope: str = "", roles: frozenset[str] = frozenset()) -> Broken:
    """A capability that another scope, or more roles, have as well."""
    was = GRANTS[capability]
    return mock.patch.dict(GRANTS, {capability: Grant(was.roles | roles, scope or was.scope)})


def every_scope(*, client: Any, granted: str) -> Actor:
    """A token that is not held to the scopes it was given."""
    return Actor(practice_id=client.practice_id, kind="client", scopes=frozenset(SCOPES), label="program")


@dataclass(frozen=True)
class Fault:
    """A scoping to take away, and the check and the call that must show it."""

    what: str
    broken: Callable[[], Broken]
    check: str
    where: str


FAULTS = [
    Fault(
        "a visit is locked by its id alone",
        everybodys,
        "foreign",
        "POST appointments/<id>/cancel/",
    ),
    Fault(
        "a course is locked by its id alone",
        everybodys,
        "foreign",
        "POST courses/<id>/pause/",
    ),
    Fault(
        "a follow-up is locked by its id alone",
        lambda: forgotten(loaders.gap_for_update, "practice_id"),
        "foreign",
        "POST gaps/<id>/snooze/",
    ),
    Fault(
        "patients are read by their id alone",
        lambda: forgotten(patients.patients, "practice_id"),
        "foreign",
        "GET patients/<id>/",
    ),
    Fault(
        "the list of patients is everybody's",
        lambda: forgotten(patients.patients, "practice_id"),
        "lists",
        "GET patients/",
    ),
    Fault(
        "a consent is withdrawn whosesoever it is",
        lambda: forgotten(decisions.withdraw_consent, "patient"),
        "foreign",
        "POST patients/<id>/consents/<consent>/withdraw/",
    ),
    Fault(
        "another system's names for people are one list for all",
        lambda: forgotten(patients.by_external_ids, "practice_id"),
        "own",
        "POST imports/patients/",
    ),
    Fault(
        "the list of messages is everybody's",
        lambda: forgotten(ledger.messages, "practice_id"),
        "lists",
        "GET messages/",
    ),
    Fault(
        "a subscription is deleted by its id alone",
        lambda: forgotten(subscriptions._of, "practice_id"),
        "foreign",
        "DELETE webhooks/<id>/",
    ),
    Fault(
        "a delivery is sent again whosesoever subscription it is of",
        lambda: forgotten(subscriptions.replay, "subscription"),
        "foreign",
        "POST webhooks/<id>/deliveries/<delivery>/replay/",
    ),
    Fault(
        "a calendar's address is ended by its id alone",
        lambda: forgotten(feeds.revoke, "practice_id"),
        "foreign",
        "DELETE calendar-feeds/<id>/",
    ),
    Fault(
        "the waitlist is everybody's",
        lambda: forgotten(waiting._of, "practice_id"),
        "lists",
        "GET waitlist/",
    ),
    Fault(
        "a task is done by its id alone",
        lambda: forgotten(work.item, "practice_id"),
        "foreign",
        "POST work-items/<id>/done/",
    ),
    Fault(
        "the log of reads is everybody's",
        lambda: forgotten(reads.reads, "practice_id"),
        "lists",
        "GET access-log/",
    ),
    Fault(
        "the list of protocols is everybody's",
        lambda: forgotten(protocols.protocols, "template__practice_id"),
        "lists",
        "GET protocols/",
    ),
    Fault(
        "a shift is ended whosesoever it is",
        lambda: forgotten(shifts.shifts, "staff__practice_id", "site__practice_id"),
        "foreign",
        "DELETE shifts/<id>/",
    ),
    Fault(
        "a room is read by its id alone",
        lambda: forgotten(places.room, "site__practice_id"),
        "foreign",
        "GET rooms/<id>/",
    ),
    Fault(
        "a token opens what its scopes do not",
        lambda: mock.patch.object(authentication, "actor_of", every_scope),
        "scopes",
        "POST courses/",
    ),
    Fault(
        "who may read patients may change webhooks",
        lambda: granted("webhooks.write", scope="read:patients"),
        "scopes",
        "DELETE webhooks/<id>/",
    ),
    Fault(
        "everybody may waive a follow-up",
        lambda: granted("gaps.waive", roles=EVERYONE),
        "roles",
        "POST follow-ups/<uuid:gap_id>/<slug:verb>/",
    ),
    Fault(
        "a colleague's second factor is reset by their id alone",
        lambda: forgotten(places.practitioner, "practice_id"),
        "foreign pages",
        "POST accounts/people/<uuid:staff_id>/reset/",
    ),
]


def run(fault: Fault, ours: World, theirs: World) -> None:
    rows = [row for row in API if matrix.name_of(row) == fault.where]
    pages = [page for page in PAGES if f"{page.method} {page.route}" == fault.where]
    assert rows or pages, "the fault is looked for nowhere"
    checks: dict[str, Callable[[], None]] = {
        "own": lambda: matrix.check_own(rows, ours, theirs),
        "scopes": lambda: matrix.check_scopes(rows, ours),
        "foreign": lambda: matrix.check_foreign(rows, ours, theirs),
        "lists": lambda: matrix.check_lists(rows, ours, theirs),
        "roles": lambda: matrix.check_roles(pages, ours),
        "foreign pages": lambda: matrix.check_foreign_pages(pages, ours, theirs),
    }
    checks[fault.check]()


@pytest.mark.django_db
def test_each_scoping_that_is_taken_away_is_missed() -> None:
    ours, theirs = access.build(), access.build()
    uncaught = []
    for fault in FAULTS:
        # The same rows are right as long as nothing is taken away.
        run(fault, ours, theirs)
        try:
            with matrix.undone(), fault.broken():
                run(fault, ours, theirs)
        except AssertionError as seen:
            assert "no such scoping" not in str(seen), fault.what
        else:
            uncaught.append(fault.what)
    assert uncaught == []
