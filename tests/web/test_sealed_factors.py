"""What a second factor is computed from cannot be read in its row, and outlives a change of the key."""

import json
import re
from typing import Any

import pytest
from allauth.mfa.models import Authenticator

from clinic.practice import factors, sealing
from clinic.practice.models import StaffMember
from scheduling import tasks
from tests.web.test_second_factor import SECOND, SECRET, code, inside, sign_in, someone, with_app

NEW_KEY = "another-key-of-tests-0123456789-abcdefghijklmnopqrstuvwxyz"


@pytest.fixture
def person(db: None) -> StaffMember:
    return someone()


def enters(ahead: int = 0) -> bool:
    """Whether the app's code lets them in; each code counts once, so the next one is a step ahead."""
    client = sign_in()
    answer = client.post(SECOND, {"code": code(ahead=ahead)})
    assert answer.status_code in (200, 302)
    return inside(client)


def changed_key(settings: Any, *, kept: bool) -> None:
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY] if kept else []
    settings.SECRET_KEY = NEW_KEY


def sealed_app(person: StaffMember) -> Authenticator:
    row = with_app(person)
    assert factors.reseal() == 1
    row.refresh_from_db()
    return row


def test_neither_an_app_nor_recovery_codes_can_be_read_in_their_rows(person: StaffMember) -> None:
    client = sign_in()
    secret = re.search(r"<code>([A-Z2-7]+)</code>", client.get("/accounts/factors/app/add/").content.decode())
    assert secret
    client.post("/accounts/factors/app/add/", {"code": code(secret[1])})
    client.get("/accounts/factors/codes/")
    rows = {row.type: row.data for row in Authenticator.objects.all()}
    assert set(rows) == {"totp", "recovery_codes"}
    assert secret[1] not in json.dumps(rows)
    assert rows["totp"]["secret"].startswith("sealed:") and rows["recovery_codes"]["seed"].startswith(
        "sealed:"
    )
    assert factors.unseal(kept=rows["totp"]["secret"]) == secret[1]


def test_what_was_kept_in_clear_works_and_is_sealed_at_night(person: StaffMember) -> None:
    row = with_app(person)
    assert enters()
    tasks.reseal_factors()
    row.refresh_from_db()
    assert SECRET not in json.dumps(row.data)
    # That the last code was used is not forgotten.
    assert not enters()
    assert enters(ahead=1)
    assert factors.reseal() == 0


def test_a_change_of_the_key_is_survived(person: StaffMember, settings: Any) -> None:
    sealed_app(person)
    changed_key(settings, kept=True)
    assert enters()
    assert factors.reseal() == 1
    settings.SECRET_KEY_FALLBACKS = []
    assert enters(ahead=1)


def test_a_lost_key_lets_nobody_in_and_breaks_nothing(person: StaffMember, settings: Any) -> None:
    row = sealed_app(person)
    changed_key(settings, kept=False)
    assert not enters()
    assert factors.reseal() == 0
    with pytest.raises(sealing.Unreadable):
        factors.unseal(kept=row.data["secret"])


def test_a_sealed_secret_is_of_no_use_elsewhere(settings: Any) -> None:
    sealed = sealing.seal(secret=b"x", purpose=b"one", owner=b"a")
    assert sealing.unseal(sealed=sealed, purpose=b"one", owner=b"a") == b"x"
    broken = sealed[:-1] + bytes([sealed[-1] ^ 1])
    for given in (
        {"sealed": sealed, "purpose": b"two", "owner": b"a"},
        {"sealed": sealed, "purpose": b"one", "owner": b"b"},
        {"sealed": broken, "purpose": b"one", "owner": b"a"},
        {"sealed": b"", "purpose": b"one", "owner": b"a"},
    ):
        with pytest.raises(sealing.Unreadable):
            sealing.unseal(**given)
