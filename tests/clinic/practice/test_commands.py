"""What the installation's owner types to make the first practice, its first person and a program."""

import io

import pytest
from django.core.management import CommandError, call_command
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from clinic.practice import queries
from clinic.practice.models import IntegrationClient, Practice, Resource, Site, StaffMember, TrailEntry
from clinic.practice.permissions import SCOPES
from tests import factories

pytestmark = pytest.mark.django_db(transaction=True)
ASKED = {"message_name": "Riverside", "site": "Main", "time_zone": "America/New_York", "admin": "first"}


def run(name: str, *args: object, **options: object) -> dict[str, str]:
    """What the command prints, by the word before the colon."""
    out = io.StringIO()
    call_command(name, *map(str, args), stdout=out, stderr=io.StringIO(), **options)
    return dict(line.split(": ", 1) for line in out.getvalue().splitlines())


def test_the_first_person_of_a_new_practice_can_sign_in() -> None:
    told = run("create_practice", "Riverside Clinic", **ASKED, email="first@example.com")
    assert len(told["password"]) >= 20
    browser = Client()
    known = {"login": "first", "password": told["password"]}
    entered = browser.post(reverse("account_login"), known, follow=True)
    assert entered.status_code == 200
    member = StaffMember.objects.get(username="first")
    assert browser.session["_auth_user_id"] == str(member.pk)
    assert (member.email, member.roles) == ("first@example.com", ["practice_admin"])
    site = Site.objects.get()
    assert (site.name, site.time_zone) == ("Main", "America/New_York")
    assert member.home_site == site
    assert str(queries.actor_of(staff=member).practice_id) == told["practice"]
    kinds = TrailEntry.objects.filter(practice_id=told["practice"]).values_list("subject_kind", flat=True)
    assert set(kinds) == {"practice", "site", "practitioner"}


def test_a_taken_username_is_refused_in_one_line_and_leaves_nothing() -> None:
    first = run("create_practice", "Riverside Clinic", **ASKED)
    before = StaffMember.objects.get().password
    with pytest.raises(CommandError, match=r"^admin\.username: This is already taken\.$"):
        run("create_practice", "Another Clinic", **{**ASKED, "site": "Other"})
    assert str(Practice.objects.get().pk) == first["practice"]
    assert (Site.objects.count(), Resource.objects.count()) == (1, 1)
    assert StaffMember.objects.get().password == before


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"time_zone": "Mars/Base"}, "site.time_zone"),
        ({"message_name": "x" * 41}, "practice.message_name"),
        ({"site": " "}, "site.name"),
        ({"admin": "two words"}, "admin.username"),
        ({"email": "nowhere"}, "admin.email"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_half_made(wrong: dict[str, str], field: str) -> None:
    with pytest.raises(CommandError, match=rf"^{field}: [^\n]+$"):
        run("create_practice", "Riverside Clinic", **{**ASKED, **wrong})
    assert not Practice.objects.exists()
    assert not StaffMember.objects.exists()
    assert not TrailEntry.objects.exists()


def test_a_new_program_gets_a_token_with_its_scopes_only() -> None:
    ours = factories.practice()
    told = run("create_program", ours.pk, "Records", scopes="read:courses read:gaps")
    answer = token(told["client_id"], told["client_secret"])
    assert answer.status_code == 200, answer.content
    assert set(answer.json()["scope"].split()) == {"read:courses", "read:gaps"}
    assert told["client_secret"] not in IntegrationClient.objects.get().client_secret


def token(client_id: str, secret: str) -> HttpResponse:
    asked = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
    return Client().post("/oauth/token/", asked)


def test_a_renewed_secret_replaces_the_former() -> None:
    ours = factories.practice()
    told = run("create_program", ours.pk, "Records", all_scopes=True)
    renewed = run("renew_secret", ours.pk, told["client_id"])["client_secret"]
    assert token(told["client_id"], renewed).status_code == 200
    assert token(told["client_id"], told["client_secret"]).status_code == 401
    with pytest.raises(CommandError, match="no such object"):
        run("renew_secret", factories.practice().pk, told["client_id"])


def test_a_program_with_all_scopes_has_each_of_the_table() -> None:
    run("create_program", factories.practice().pk, "Records", all_scopes=True)
    assert set(IntegrationClient.objects.get().allowed_scopes.split()) == set(SCOPES)


@pytest.mark.parametrize("scopes", ["", "read:everything"])
def test_a_program_without_known_scopes_is_refused(scopes: str) -> None:
    with pytest.raises(CommandError, match=r"^scopes: "):
        run("create_program", factories.practice().pk, "Records", scopes=scopes)
    assert not IntegrationClient.objects.exists()


def test_a_program_of_no_practice_is_refused() -> None:
    with pytest.raises(CommandError, match="no such object"):
        run("create_program", "00000000-0000-0000-0000-000000000000", "Records", all_scopes=True)


def test_practices_are_listed_with_what_the_other_commands_ask_for() -> None:
    ours = factories.practice(name="Riverside Clinic")
    out = io.StringIO()
    call_command("list_practices", stdout=out)
    assert out.getvalue() == f"{ours.pk}  Riverside Clinic\n"
