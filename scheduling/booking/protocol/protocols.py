"""Storing protocols: the document as it came, a new version for every change, and whether the planner can
read it.

A running course keeps the version that it began with: versions are never changed. All raise NotAllowed
and NotFound.
"""

import functools
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from django.db.models import F, QuerySet

from clinic.practice import fields, idempotency, permissions, writing
from clinic.practice.actor import Actor
from clinic.practice.errors import Invalid, NotFound
from clinic.practice.ids import new_id
from scheduling.booking.protocol import message_block
from scheduling.models import ProtocolTemplate, ProtocolVersion
from scheduling.planning import protocol as parsing
from scheduling.planning import trial, windows
from scheduling.planning.values import NoPlan, Plan

Document = Mapping[str, Any]
LIBRARY = Path(__file__).resolve().parents[2] / "fixtures" / "protocols.json"
LARGEST = 256 * 1024
UNIQUE = {"protocol_key_once": "key"}


@functools.cache
def library() -> tuple[Document, ...]:
    """The protocols that come with the product; their clinical sources stand in each."""
    found: list[Document] = json.loads(LIBRARY.read_text(encoding="utf-8"))["protocols"]
    return tuple(found)


def protocols(*, actor: Actor) -> QuerySet[ProtocolVersion]:
    """The current version of each protocol of the practice, with its template."""
    rows = ProtocolVersion.objects.filter(
        template__practice_id=actor.practice_id, version=F("template__current_version")
    )
    return rows.select_related("template").order_by("template_id")


def protocol(*, actor: Actor, protocol_id: UUID) -> ProtocolVersion:
    """The current version of one protocol; raises NotFound, also for a protocol of another practice."""
    found = protocols(actor=actor).filter(template_id=protocol_id).first()
    if found is None:
        raise NotFound()
    return found


def create(
    *, actor: Actor, document: Document, now: datetime, key: idempotency.Key | None = None
) -> ProtocolVersion:
    """Store a protocol; its name within the practice is the document's `key`.

    A key that is there already gets a new version when the document differs from the current one, and
    stays as it is when it does not. A document without a `plan` block is stored as not plannable. Raises
    Invalid, which points at the field.
    """
    permissions.check(actor=actor, capability="protocols.write")
    head = _read(document)
    with writing.clashes(UNIQUE), writing.transaction():
        template = _locked(actor).filter(key=document["key"]).first()
        template_id = template.pk if template else new_id()
        replay = idempotency.claim(
            key=key, now=now, status_code=201, object_kind="protocol", object_id=template_id
        )
        if replay is not None:
            return protocol(actor=actor, protocol_id=replay.object_id)
        if template is None:
            template = ProtocolTemplate.objects.create(
                id=template_id, practice_id=actor.practice_id, key=document["key"], current_version=0
            )
        return _store(actor, template, document, head, now)


def change(
    *, actor: Actor, protocol_id: UUID, document: Document, now: datetime, version: int | None = None
) -> ProtocolVersion:
    """Store a changed document as the next version; an unchanged one stores nothing. Its `key` stays.

    `version` is the version that the caller read: another one raises Stale. Raises Invalid, which points
    at the field.
    """
    permissions.check(actor=actor, capability="protocols.write")
    head = _read(document)
    with writing.transaction():
        template = _locked(actor).filter(pk=protocol_id).first()
        if template is None:
            raise NotFound()
        writing.fresh(held=template.current_version, read=version)
        if document["key"] != template.key:
            raise Invalid({"key": ["The key of a protocol cannot be changed."]})
        return _store(actor, template, document, head, now)


def attempt(*, actor: Actor, document: Document, zone: str, now: datetime) -> Plan | NoPlan | None:
    """What a course of this document would be where nothing is in the way; a NoPlan names what makes it
    impossible. None for a protocol of groups, which are planned into sessions that exist. Writes nothing.
    Raises Invalid, which points at the field.
    """
    permissions.check(actor=actor, capability="protocols.read")
    _read(document)
    try:
        protocol = parsing.parse(document)
    except parsing.NotPlannable:
        raise Invalid({"plan": ["It has no plan: it stands here for reference only."]}) from None
    if protocol.group_places is not None:
        return None
    today = windows.local_day(zone=zone, instant=now)
    return trial.plan(protocol=protocol, zone=zone, monday=today + timedelta(days=7 - today.weekday()))


def set_active(*, actor: Actor, protocol_id: UUID, is_active: bool, now: datetime) -> ProtocolVersion:
    """Offer a protocol for new courses, or no longer; running courses go on."""
    permissions.check(actor=actor, capability="protocols.write")
    with writing.transaction():
        template = _locked(actor).filter(pk=protocol_id).first()
        if template is None:
            raise NotFound()
        if template.is_active != is_active:
            template.is_active = is_active
            template.save(update_fields=["is_active", "updated_at"])
            verb = "activate" if is_active else "retire"
            writing.tell(actor=actor, now=now, verb=verb, kind="protocol", row_id=template.pk)
    return protocol(actor=actor, protocol_id=protocol_id)


def _locked(actor: Actor) -> QuerySet[ProtocolTemplate]:
    return ProtocolTemplate.objects.select_for_update().filter(practice_id=actor.practice_id)


def _read(document: object) -> dict[str, Any]:
    """The columns of a version; raises Invalid with the path of every field that cannot be accepted."""
    if not isinstance(document, Mapping):
        raise Invalid({"document": ["Must be an object."]})
    problems = fields.Problems()
    for name, longest in (("key", 100), ("name", 200), ("modality", 100)):
        fields.text(problems, name, document.get(name), longest=longest)
    if not isinstance(document.get("phases"), list | tuple) or not document.get("phases"):
        problems.add("phases", "Must be a list of at least one phase.")
    try:
        told = json.dumps(document, allow_nan=False)
    except (TypeError, ValueError):
        told = ""
        problems.add("document", "Must be JSON.")
    if len(told) > LARGEST or "\\u0000" in told:
        problems.add("document", "Must be at most 256 KB long and hold no NUL character.")
    problems.raise_if_any()
    parsed: parsing.Protocol | None = None
    try:
        parsed = parsing.parse(document)
    except parsing.NotPlannable:
        pass
    except parsing.InvalidProtocol as error:
        raise Invalid({error.path or "document": [error.message]}) from error
    if wrong := message_block.problems(document=document, protocol=parsed):
        raise Invalid(wrong)
    return {
        "name": document["name"].strip(),
        "modality": document["modality"].strip(),
        "is_plannable": parsed is not None,
    }


def _store(
    actor: Actor, template: ProtocolTemplate, document: Document, head: dict[str, Any], now: datetime
) -> ProtocolVersion:
    current = template.versions.filter(version=template.current_version).first()
    if current is not None and current.document == document:
        return current
    template.current_version += 1
    template.save(update_fields=["current_version", "updated_at"])
    stored = ProtocolVersion.objects.create(
        template=template,
        version=template.current_version,
        document=document,
        created_at=now,
        created_by=actor.ref,
        **head,
    )
    verb = "create" if stored.version == 1 else "change"
    writing.tell(actor=actor, now=now, verb=verb, kind="protocol", row_id=template.pk)
    return stored
