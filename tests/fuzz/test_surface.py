"""What anybody may send to any call is answered as the document says: never a 5xx, nothing that it does not
tell, nothing taken that it forbids.

Each share is a few kinds of calls on a clinic of its own; `./dev bench api` sends more.
"""

from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path

import pytest

from tests.bench import _server
from tests.fuzz import runs, world

# Beside every case of the coverage phase: some five minutes of one core in all.
READS, WRITES, SEED = 3, 10, 1
SHARES = {
    "appointments": ("appointments",),
    "courses": ("courses",),
    "patients": ("patients", "imports"),
    "gaps and waitlist": ("gaps", "waitlist", "roster", "availability"),
    "programs": ("webhooks", "calendar", "delegations", "work", "messages", "access"),
    "place": ("practices", "sites", "rooms", "closures"),
    "people": ("practitioners", "shifts", "absences", "protocols"),
}


@pytest.fixture(scope="module")
def port(django_db_setup: None) -> Iterator[int]:
    """One web process for every clinic: each share has a clinic of its own, that knows of no other."""
    with _server.web(workers=1) as port:
        yield port


def test_every_call_is_in_a_share() -> None:
    assert set(runs.calls().values()) == {tag for tags in SHARES.values() for tag in tags}


@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(900)
@pytest.mark.parametrize("share", SHARES)
def test_whatever_is_sent_is_answered_as_told(share: str, port: int, tmp_path: Path) -> None:
    token, there = world.build()
    found = runs.run(
        port=port,
        token=token,
        world=there,
        folder=tmp_path,
        reads=READS,
        writes=WRITES,
        seed=SEED,
        tags=SHARES[share],
    )
    assert found.failures == [], found.said
    # The most that is sent is refused; enough of it must have been taken to mean anything.
    known = set(runs.calls(SHARES[share]))
    assert len(runs.done(found.told) & known) >= len(known) // 2
    assert set(runs.by(found.told, 0)) >= {"coverage", "fuzzing", "stateful"}


@pytest.mark.django_db(transaction=True)
@pytest.mark.timeout(900)
def test_a_document_that_is_not_true_is_found(
    port: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: what a room is answered with is not told."""
    token, there = world.build()
    told = deepcopy(runs.document())
    del told["paths"]["/api/v1/rooms/{id}/"]["get"]["responses"]["404"]
    monkeypatch.setattr(runs, "document", lambda: told)
    found = runs.run(
        port=port, token=token, world=there, folder=tmp_path, reads=5, writes=5, seed=1, tags=["rooms"]
    )
    assert "answered as the document does not tell" in found.promises
