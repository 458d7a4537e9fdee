"""What follows from a message's fate: its final state, the trail, a person to tell, and the next channel.

Each function but `merge` runs in the transaction that holds the message's row.
"""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from clinic.practice import actor as actors
from clinic.practice import trail, work
from clinic.practice.models.staff import Role
from notifications.models import Attempt, Message
from notifications.models.message import State
from notifications.planning import kinds, ledger, outbox, preferences, suppressions
from notifications.planning.kinds import Kind
from notifications.planning.outbox import Draft
from notifications.sending import rows
from notifications.wording import wordings

# Nobody could be reached by it although the message was true and wanted: try the next channel, then a person
# calls.
UNREACHABLE = frozenset(
    {"no_provider", "no_agreement", "no_consent", "consent_revoked", "no_address", "opted_out"}
    | {"no_such_address", "channel_off", "only_for_calls", "other_address_asked"}
)
_REPORTED = {
    State.ACCEPTED: "message.sent",
    State.DELIVERED: "message.delivered",
    State.UNDELIVERED: "message.undelivered",
}


def accepted(*, message: Message, provider_id: str, now: datetime) -> None:
    """The provider has it."""
    doubted = message.state == State.IN_DOUBT
    verb = "resolve_sent" if doubted else "accept"
    _set(message, ledger.move(state=message.state, verb=verb), "", now, provider_id=provider_id)
    if doubted:
        doubt_resolved(message=message, now=now)
    _tell(message, "message.sent", "", now)


def reported(*, message: Message, state: str, code: str, now: datetime) -> None:
    """The provider's report moves the message. What did not arrive goes by the next channel, or is a call."""
    doubted = message.state == State.IN_DOUBT
    reason = f"undelivered:{code}" if state == State.UNDELIVERED else ""
    _set(message, state, reason, now)
    if doubted:
        doubt_resolved(message=message, now=now)
    _tell(message, _REPORTED[State(state)], code, now)
    if state == State.UNDELIVERED:
        _next_channel(message, now)
    elif state == State.DELIVERED:
        key = _item_key(message, "patient_unreachable")
        work.finish(practice_id=message.practice_id, dedupe_key=key, by="system", now=now)


def merge(*, attempt_id: UUID, now: datetime) -> None:
    """What a hand-over that was taken has said for other messages as well, they need not say any more.

    Each row by itself, outside a transaction: holding several while waiting for one could be a deadlock with
    a booking.
    """
    for covers in Attempt.objects.filter(pk=attempt_id).values_list("covers", flat=True):
        for message_id in covers or ():
            Message.objects.filter(pk=message_id, state__in=ledger.UNSENT).update(
                state=State.CANCELLED, state_reason="merged", lease_until=None, updated_at=now
            )


def suppressed(*, message: Message, reason: str, now: datetime) -> None:
    """It became untrue, unwanted or impossible before anything was handed over."""
    _set(message, ledger.move(state=message.state, verb="suppress"), reason, now)
    _tell(message, "message.suppressed", reason, now)
    # What a cap holds back is said by the next message; of a new time there is no next one.
    if reason in UNREACHABLE or (reason == "over_cap" and kinds.rule(message.kind).news):
        _next_channel(message, now)


def failed(*, message: Message, reason: str, now: datetime, fall_back: bool = True) -> None:
    """It will not be tried again. Staff are told, or the next channel takes over."""
    verb = "refuse" if message.state == State.HANDING_OVER else "fail"
    _set(message, ledger.move(state=message.state, verb=verb), reason, now)
    _tell(message, "message.failed", reason, now)
    if not (fall_back and _next_channel(message, now)):
        _work_item(message, "message_failed", reason, now)


def in_doubt(*, message: Message, code: str, now: datetime) -> None:
    """Nobody knows whether it was sent: a person is told, and it is never sent again by itself (R4)."""
    if message.state == State.IN_DOUBT:
        return
    _set(message, ledger.move(state=message.state, verb="doubt"), code, now)
    _tell(message, "message.in_doubt", code, now)
    _work_item(message, "message_in_doubt", "It is not known whether this message was sent.", now)


def doubt_resolved(*, message: Message, now: datetime) -> None:
    """Evidence came: nobody needs to look into it any more."""
    key = _item_key(message, "message_in_doubt")
    work.finish(practice_id=message.practice_id, dedupe_key=key, by="system", now=now)


def suppress_address(*, message: Message, reason: str, now: datetime) -> None:
    """The provider says that this address opted out or does not exist: nothing goes there (R-07, R-13)."""
    suppressions.refuse(
        practice_id=message.practice_id,
        channel=message.channel,
        value=message.sent_to,
        reason=reason,
        now=now,
    )


def wording_refused(*, message: Message, wording_id: UUID, now: datetime) -> None:
    """The practice's own words could not be used and the built-in ones went: whoever wrote them is told,
    once a wording.
    """
    work.raise_item(
        practice_id=message.practice_id,
        kind=wordings.REFUSED_ITEM,
        dedupe_key=wordings.refused_key(wording_id=wording_id),
        subject_kind=wordings.SUBJECT,
        subject_id=wording_id,
        role=Role.PRACTICE_ADMIN,
        reason="Your own words break a rule; the built-in ones are sent. Set-up, Messages says which.",
        due_at=now,
    )


def _next_channel(message: Message, now: datetime) -> bool:
    """Queue the same by the next channel; when there is none, put the patient on the call list.

    False: neither was done, because the message is not one that is worth a call.
    """
    rule = kinds.rule(message.kind)
    if message.patient_id is None or not (rule.call or rule.onward):
        return False
    others = _by_other_channels(message)
    if (draft := onward(message=message, tried=others, now=now)) is not None:
        outbox.queue(messages=[draft], now=now)
        return True
    told = (ledger.UNSENT | ledger.HANDED_OVER) - {State.UNDELIVERED}
    if rule.call and not told & set(others.values()):
        _work_item(message, "patient_unreachable", "No message could reach this patient: please call.", now)
    return True


def _by_other_channels(message: Message) -> dict[str, str]:
    """The states of the same message by every other channel that it was tried by."""
    same = Message.objects.filter(
        practice_id=message.practice_id,
        kind=message.kind,
        subject_id=message.subject_id,
        subject_version=message.subject_version,
    )
    return dict(same.exclude(pk=message.pk).values_list("channel", "state"))


def onward(*, message: Message, tried: Collection[str], now: datetime) -> Draft | None:
    """The same by a channel that was not `tried` either, for a message that is worth it; None where there is
    none, or no time left. Pure."""
    rule = kinds.rule(message.kind)
    if message.patient_id is None or not (rule.call or rule.onward) or now > message.useful_until:
        return None
    order = preferences.of(message.practice).order(message.kind)
    channel = next((one for one in order if one != message.channel and one not in tried), None)
    if channel is None:
        return None
    return Draft(
        practice_id=message.practice_id,
        patient_id=message.patient_id,
        kind=message.kind,
        channel=channel,
        category=message.category,
        subject_kind=message.subject_kind,
        subject_id=message.subject_id,
        subject_version=message.subject_version,
        subject_at=message.subject_at,
        course_id=message.course_id,
        uncapped=message.uncapped,
        due_at=now,
        useful_until=message.useful_until,
    )


def _set(message: Message, state: str, reason: str, now: datetime, provider_id: str | None = None) -> None:
    message.state = str(state)
    rows.move(message_id=message.pk, state=message.state, reason=reason, now=now, provider_id=provider_id)


def _tell(message: Message, verb: str, reason: str, now: datetime) -> None:
    trail.record(
        actor=actors.system(practice_id=message.practice_id),
        at=now,
        steps=[
            trail.Step(
                verb=verb,
                subject_kind="message",
                subject_id=message.pk,
                course_id=message.course_id,
                patient_id=message.patient_id,
                reason=reason,
                data={"kind": message.kind, "channel": message.channel},
            )
        ],
    )


def _work_item(message: Message, kind: str, reason: str, now: datetime) -> None:
    if message.kind == Kind.WORDING_TRIAL or message.subject_kind == "reply":
        # Whoever tries a wording sees on its page how it went. Whoever opted out is not called about it.
        return
    work.raise_item(
        practice_id=message.practice_id,
        kind=kind,
        dedupe_key=_item_key(message, kind),
        subject_kind="message",
        subject_id=message.pk,
        patient_id=message.patient_id,
        role=Role.FRONT_DESK if message.patient_id else Role.PRACTICE_ADMIN,
        reason=reason[:200],
        due_at=now,
    )


def _item_key(message: Message, kind: str) -> str:
    """One call a subject, however many of its messages failed; else one item an attempt."""
    if kind == "patient_unreachable":
        return f"{kind}:{message.subject_id}:{message.subject_version}"
    return f"{kind}:{message.pk}:{message.current_attempt or ''}"
