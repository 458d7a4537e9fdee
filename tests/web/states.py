"""The pages in the states that no address alone leads to: each walks there as somebody would."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from urllib.parse import urlsplit

import time_machine
from django.test import Client
from django.urls import resolve

from patients.models import Patient
from scheduling.booking import links
from tests.web import breaking, reading
from tests.web.conftest import World
from tests.web.reading import Form

BORN = "1990-04-02"
# A page: where it stands, and what is on it.
Page = tuple[str, str]
State = Callable[[World, Client], Iterator[Page]]


def look(client: Client, path: str) -> Page:
    return path, client.get(path).content.decode()


def form_on(page: Page, route: str, verb: str = "") -> Form:
    """The form that goes to the address of this name."""
    for form in reading.forms(page[1], at=page[0]):
        found = resolve(urlsplit(form.action).path)
        if form.method == "post" and found.url_name == route and verb in ("", *found.kwargs.values()):
            return form
    raise AssertionError(f"no form {route} {verb} at {page[0]}")


def press(client: Client, page: Page, route: str, verb: str = "", /, **typed: str) -> Page:
    """Fill in the form, send it, and go where it leads."""
    form = form_on(page, route, verb)
    answer = client.post(form.action, {**breaking.filled(form), **typed})
    if answer.status_code in (302, 303):
        return look(client, answer["Location"].partition("#")[0])
    return urlsplit(form.action).path, answer.content.decode()


# --- patients -----------------------------------------------------------------------------------------------
def a_patient(world: World, client: Client) -> Iterator[Page]:
    """The page of the second dose, from its link to its end."""
    visit = world.visit("dose-2")
    Patient.objects.filter(pk=world.clinic.patient.pk).update(birth_date=BORN)
    with time_machine.travel(visit.start - timedelta(days=2)):
        path = "/v/" + links.address(visit_id=visit.pk).rpartition("/")[2]
        yield (front := look(client, path))
        yield press(client, front, "own-visit-act", "open", birth_date=BORN)
        yield look(client, f"{path}?lang=es")
        yield look(client, f"{path}/times")
        yield look(client, f"/v/{'x' * 22}")
