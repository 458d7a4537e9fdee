"""One effect a key, also when the process that had it is killed before it could say so."""

import pytest

from tests import factories
from tests.bench import _server
from tests.races import firing, race, repeated
from tests.races.test_booking_http import MONDAY

pytestmark = pytest.mark.django_db(transaction=True)
KEYS, SENDERS, KILLS = 40, 5, 5


def test_a_key_has_one_effect_whatever_dies() -> None:
    clinic = factories.small_clinic()
    client_id = firing.program(clinic.practice)
    requests = repeated.asked(factories.patient(clinic.site, consents=False), MONDAY, KEYS)
    with _server.web() as port:
        bearer = _server.token(port, client_id, firing.SECRET)
        told = repeated.send_all(
            port=port, bearer=bearer, requests=requests, senders=SENDERS, kills=KILLS, seed=1
        )
        # Afterwards every key still answers, with what it made, at once: none is stuck.
        client = _server.Client(port, bearer)
        for number, one in enumerate(requests):
            status, answer = client.post(one.address, one.body, key=f"key-{number}")
            assert (status, {answer["id"]}) == (201, told.ids[f"key-{number}"])
        status, answer = client.post(requests[2].address, requests[2].body, key="key-0")
        assert (status, answer["code"]) == (422, "idempotency_key_reused")
        client.connection.close()
    assert told.kills == KILLS and told.lost_connections > 0, "nobody was killed in the middle"
    assert told.gave_up == []
    assert {len(ids) for ids in told.ids.values()} == {1}
    assert repeated.effects() == {
        "visits": KEYS // 2,
        "new patients": KEYS // 2,
        "keys": KEYS,
        "keys without an effect": 0,
    }
    assert race.overlaps() == 0


def test_without_a_key_each_repetition_has_an_effect() -> None:
    """The control: the same senders without keys leave a patient for each time that they asked."""
    clinic = factories.small_clinic()
    client_id = firing.program(clinic.practice)
    requests = repeated.asked(factories.patient(clinic.site, consents=False), MONDAY, 4)[1::2]
    with _server.web() as port:
        bearer = _server.token(port, client_id, firing.SECRET)
        repeated.send_all(
            port=port, bearer=bearer, requests=requests, senders=SENDERS, kills=0, seed=1, keyed=False
        )
    assert repeated.effects()["new patients"] == SENDERS * len(requests)
