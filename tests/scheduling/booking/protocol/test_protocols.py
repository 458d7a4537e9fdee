"""Storing protocols and their versions."""

import json
from pathlib import Path

import pytest
from django.db import DatabaseError, transaction

from clinic.practice.errors import Invalid, NotAllowed, NotFound, Stale
from clinic.practice.idempotency import Key
from scheduling.booking.protocol import protocols
from scheduling.models import ProtocolTemplate, ProtocolVersion
from scheduling.planning import protocol as parsing
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def ours():
    return factories.practice()


def store(ours, document, **fields):
    return protocols.create(actor=factories.admin(ours), document=document, now=factories.NOW, **fields)


@pytest.mark.parametrize("key", factories.library_keys())
def test_every_protocol_of_the_library_is_stored_as_it_stands_and_plannable(ours, key):
    stored = store(ours, factories.document(key))
    assert stored.is_plannable
    assert ProtocolVersion.objects.get(pk=stored.pk).document == factories.document(key)
    assert parsing.parse(stored.document).key == key


def test_a_document_without_a_plan_waits_to_be_mapped(ours):
    document = factories.document()
    del document["plan"]
    stored = store(ours, document)
    assert not stored.is_plannable
    assert stored.document == document


def test_an_unchanged_document_makes_no_version(ours):
    first = store(ours, factories.document())
    assert store(ours, factories.document()).pk == first.pk
    changed = protocols.change(
        actor=factories.admin(ours),
        protocol_id=first.template_id,
        document=factories.document(),
        now=factories.NOW,
    )
    assert changed.pk == first.pk
    assert ProtocolVersion.objects.count() == 1


def test_a_change_makes_a_version_and_keeps_the_former(ours):
    first = store(ours, factories.document())
    document = factories.document()
    document["plan"]["follow_up"]["window_hours"]["max"] = 96
    second = protocols.change(
        actor=factories.admin(ours), protocol_id=first.template_id, document=document, now=factories.NOW
    )
    assert (first.version, second.version) == (1, 2)
    assert ProtocolVersion.objects.get(pk=first.pk).document == factories.document()
    current = protocols.protocol(actor=factories.admin(ours), protocol_id=first.template_id)
    assert current.pk == second.pk


def test_a_version_cannot_be_rewritten(ours):
    stored = store(ours, factories.document())
    with pytest.raises(DatabaseError), transaction.atomic():
        ProtocolVersion.objects.filter(pk=stored.pk).update(name="another")


def test_a_stale_version_is_refused(ours):
    first = store(ours, factories.document())
    store(ours, {**factories.document(), "name": "Changed"})
    with pytest.raises(Stale):
        protocols.change(
            actor=factories.admin(ours),
            protocol_id=first.template_id,
            document={**factories.document(), "name": "Changed again"},
            now=factories.NOW,
            version=1,
        )


def plan_with(**changes):
    document = factories.document()
    document["plan"] = {**document["plan"], **changes}
    return document


def phase_with(**changes):
    document = factories.document()
    document["phases"][0] = {**document["phases"][0], **changes}
    return document


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ([], "document"),
        ({}, "key"),
        ({**factories.document(), "key": ""}, "key"),
        ({**factories.document(), "key": "x" * 101}, "key"),
        ({**factories.document(), "modality": 7}, "modality"),
        ({**factories.document(), "phases": []}, "phases"),
        ({**factories.document(), "note": "a\x00b"}, "document"),
        ({**factories.document(), "note": "x" * 300_000}, "document"),
        ({**factories.document(), "note": float("nan")}, "document"),
        (phase_with(interval_max_days=1), "phases[0].interval_min_days"),
        (
            plan_with(staff=[{"role": "monitor", "presence": "shared", "patients": 5}]),
            "plan.staff[0].patients",
        ),
        (plan_with(block_minutes={}), "plan.block_minutes"),
        (plan_with(dose_kind="tea"), "plan.dose_kind"),
    ],
)
def test_a_bad_document_points_at_its_field_and_stores_nothing(ours, document, field):
    with pytest.raises(Invalid) as refused:
        store(ours, document)
    assert field in refused.value.fields
    assert not ProtocolTemplate.objects.exists()


def test_the_key_of_a_protocol_stays(ours):
    first = store(ours, factories.document())
    with pytest.raises(Invalid) as refused:
        protocols.change(
            actor=factories.admin(ours),
            protocol_id=first.template_id,
            document={**factories.document(), "key": "another"},
            now=factories.NOW,
        )
    assert "key" in refused.value.fields


def test_practices_have_their_own_protocols(ours):
    mine = store(ours, factories.document())
    other = factories.practice()
    theirs = store(other, {**factories.document(), "name": "Theirs"})
    assert (mine.version, theirs.version) == (1, 1)
    with pytest.raises(NotFound):
        protocols.protocol(actor=factories.admin(other), protocol_id=mine.template_id)
    with pytest.raises(NotFound):
        protocols.change(
            actor=factories.admin(other),
            protocol_id=mine.template_id,
            document=factories.document(),
            now=factories.NOW,
        )


def test_a_repeated_key_gives_the_first_protocol(ours):
    key = Key(scope="test", value="one", fingerprint="same")
    first = store(ours, factories.document(), key=key)
    assert store(ours, factories.document(), key=key).pk == first.pk


def test_the_front_desk_may_not_change_protocols(ours):
    with pytest.raises(NotAllowed):
        protocols.create(
            actor=factories.actor(ours, "front_desk"), document=factories.document(), now=factories.NOW
        )


def test_a_retired_protocol_can_be_brought_back(ours):
    stored = store(ours, factories.document())
    asked = {"actor": factories.admin(ours), "protocol_id": stored.template_id, "now": factories.NOW}
    assert not protocols.set_active(**asked, is_active=False).template.is_active
    assert protocols.set_active(**asked, is_active=True).template.is_active


def test_the_example_of_the_reference_is_plannable(ours):
    page = Path(__file__).parents[4] / "docs" / "reference" / "protocols.md"
    example = page.read_text().split("```json\n")[1].split("```")[0]
    stored = store(ours, json.loads(example))
    assert stored.is_plannable
    assert parsing.parse(stored.document).phases[0].sessions == 3
