"""Every form of every page, found in the pages themselves, sent broken in every way that a table knows."""

import zlib
from collections.abc import Iterable, Iterator
from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.test import Client

from clinic.practice.models import Site, StaffMember
from patients.models import Patient
from scheduling.web.patient import next_views, offer_views, views
from tests.api.access_pages import PAGES
from tests.api.matrix import undone
from tests.web import breaking, reading, states
from tests.web import conftest as web
from tests.web.breaking import Breaker
from tests.web.conftest import ROLES, World, signed_in
from tests.web.reading import Form
from tests.web.states import State

# Forms that everybody has on every page, and that end the session.
OUT = "account_logout"
# Forms that cannot be sent as they stand: each asks for a choice or a time that the page leaves to people.
NOT_AS_THEY_STAND = {
    "follow-ups/<uuid:gap_id>/<slug:verb>/ attest",
    "courses/<uuid:course_id>/score/",
    "courses/<uuid:course_id>/<slug:verb>/ review",
    "courses/<uuid:course_id>/<slug:verb>/ complete",
    "visits/<uuid:visit_id>/<slug:verb>/ correct",
    "messages/<uuid:message_id>/<slug:verb>/ sent",
    "messages/<uuid:message_id>/<slug:verb>/ not-sent",
}
# The addresses of staff are divided among so many tests, so that several processes may run them.
SHARES = 3
# What another practice calls its people and its place.
ELSEWHERE = "Far-away"


def others(world: World) -> tuple[tuple[str, ...], dict[str, str]]:
    """A second practice like this one: words that are its own, and for each id here one of a row of there."""
    models = [model for model in apps.get_models() if model._meta.managed and model._meta.pk.name == "id"]
    ours = {
        model: [str(one) for one in model._default_manager.values_list("pk", flat=True)] for model in models
    }
    there = web.build().clinic
    Patient.objects.filter(pk=there.patient.pk).update(family_name=ELSEWHERE)
    Site.objects.filter(pk=there.site.pk).update(name=ELSEWHERE)
    StaffMember.objects.filter(practice=there.practice).update(last_name=ELSEWHERE)
    foreign = {}
    for model, ids in ours.items():
        theirs = model._default_manager.exclude(pk__in=ids).values_list("pk", flat=True).first()
        foreign |= {one: str(theirs) for one in ids if theirs is not None}
    return (ELSEWHERE,), foreign


def share_of(address: str) -> int:
    return zlib.crc32(address.encode()) % SHARES


def found(
    world: World, client: Client, walks: Iterable[State], share: int | None
) -> Iterator[tuple[str, Form, Breaker]]:
    """Each form of the share, or of all, once, in the state in which it was found: everything that is done
    with it is taken back.
    """
    theirs, foreign = others(world)
    # Checked here and not behind each answer: what is taken back would have to be checked again every time.
    connection.check_constraints()
    seen = set()
    for state in walks:
        with undone():
            for at, page in state(world, client):
                breaker = None
                for form in reading.forms(page, at=at):
                    shape = breaking.shape(form) if form.method == "post" else (OUT, "", ())
                    if shape in seen or shape[0] == OUT:
                        continue
                    seen.add(shape)
                    address = breaking.address(form)
                    if share not in (None, share_of(address)):
                        continue
                    breaker = breaker or Breaker(client, theirs, foreign, breaking.prints(breaking.tables()))
                    yield address, form, breaker


def all_faults(
    world: World, client: Client, walks: Iterable[State], share: int | None = None
) -> tuple[set[str], dict[str, str], list[str]]:
    """The addresses that took a form as it stood, those that took none, and every fault."""
    taken, refused, wrong = set(), {}, []
    for address, form, breaker in found(world, client, walks, share):
        not_taken, more = breaker.repeated(form)
        if not_taken:
            refused[address] = not_taken
        else:
            taken.add(address)
        wrong += more
        for case in breaking.ways(form, breaker.foreign):
            wrong += breaker.faults(case)
    return taken, {one: told for one, told in refused.items() if one not in taken}, wrong


@pytest.fixture
def client(world: World, settings: Any) -> Client:
    """Somebody who may do everything, at a browser."""
    settings.LIMITS = dict.fromkeys(settings.LIMITS)
    return signed_in(world.staff(*ROLES), enforce_csrf_checks=True, raise_request_exception=False)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("share", range(SHARES))
def test_the_forms_of_staff(world: World, client: Client, share: int) -> None:
    taken, refused, wrong = all_faults(world, client, states.STAFF, share)
    assert not wrong, "\n".join(wrong)
    assert {*refused} <= NOT_AS_THEY_STAND, refused
    # Every address of the table that takes a form was sent one that it took.
    asked = {f"{row.route} {row.verb}".strip() for row in PAGES if row.method == "POST"}
    mine = {one for one in asked if share_of(one) == share}
    assert mine - taken <= NOT_AS_THEY_STAND


@pytest.mark.timeout(120)
def test_the_forms_of_patients(world: World, client: Client) -> None:
    taken, refused, wrong = all_faults(world, client, [states.a_patient])
    assert not wrong, "\n".join(wrong)
    assert refused == {}
    acts = {
        "v": {*views._OPEN, *views._PROVED},
        "n": {*next_views._OPEN, *next_views._PROVED},
        "o": {*offer_views.ACTS},
    }
    forms = {f"{page}/<str:token>/<slug:what> {what}" for page, known in acts.items() for what in known}
    assert forms | {f"{page}/<str:token>/again" for page in acts} == taken
