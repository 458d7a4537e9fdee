"""A wording sent to somebody's own address, to see it arrive: through the outbox and the channel as any other
message, marked as a test, about visits that nobody has, and never to a patient.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.models import Exists, OuterRef

from clinic.practice import fields, permissions, queries, writing
from clinic.practice.actor import Actor
from clinic.practice.errors import Invalid, NotAllowed, NotFound, Throttled
from clinic.practice.models import Practice
from notifications import channels
from notifications.models import Message, Trial
from notifications.planning import ledger, outbox, recipients
from notifications.planning.kinds import Kind
from notifications.planning.outbox import Draft
from notifications.planning.ports import Facts, Source
from notifications.wording import samples, wordings
from notifications.wording.texts import Which, Words

# What somebody tries in an hour of writing; more is no trying.
AN_HOUR = 10
HOUR = timedelta(hours=1)
LISTED = 5
# Long enough to see what became of a test; nobody needs the address that was typed for longer.
KEPT = timedelta(days=30)
BATCH = 500


@dataclass(frozen=True, slots=True)
class Tried:
    """One test and what became of it; `state` and `reason` as a message has them."""

    at: datetime
    to: str
    state: str
    reason: str

    @property
    def settled(self) -> bool:
        return self.state not in ("planned", "leased", "handing_over")


def send(
    *, actor: Actor, which: Which, words: Words, to: str, now: datetime, key: writing.Key = None
) -> Trial:
    """Queue one test of these words, kept or not, to a phone number or an e-mail address.

    Raises NotAllowed, Throttled beyond `AN_HOUR` of the practice, and Invalid: for words that may not be
    used, on `to` for what is no address, is a patient's, or may not be written to.
    """

    def make(trial_id: UUID) -> Trial:
        # Two at once cannot both be the last that is allowed.
        practice = Practice.objects.select_for_update(no_key=True).get(pk=actor.practice_id)
        _limit(practice, now)
        trial = Trial.objects.create(
            id=trial_id,
            practice=practice,
            staff_id=_staff(actor),
            kind=which.kind,
            language=which.language,
            channel=which.channel,
            subject=words.subject,
            body=words.body,
            to=_address(practice, which.channel, to),
            created_at=now,
        )
        outbox.queue(messages=[_draft(trial, now)], now=now)
        return trial

    wordings.may_write(actor=actor)
    wordings.passed(actor=actor, which=which, words=words)
    return writing.create(
        actor=actor,
        capability=wordings.WRITE,
        key=key,
        now=now,
        kind="trial",
        make=make,
        load=lambda trial_id: _trial(actor, trial_id),
    )


def recent(*, actor: Actor, which: Which) -> list[Tried]:
    """The latest tests of this text, latest first: two queries. The addresses are those of people: whoever
    may not send tests is shown none."""
    wordings.may_read(actor=actor)
    if not permissions.allows(actor=actor, capability=wordings.WRITE):
        return []
    rows = list(
        Trial.objects.filter(
            practice_id=actor.practice_id, kind=which.kind, language=which.language, channel=which.channel
        ).order_by("-created_at")[:LISTED]
    )
    sent = {
        one.subject_id: one
        for one in Message.objects.filter(
            practice_id=actor.practice_id,
            kind=Kind.WORDING_TRIAL,
            subject_id__in=[row.pk for row in rows],
        )
    }
    return [
        Tried(row.created_at, row.to, sent[row.pk].state, sent[row.pk].state_reason)
        for row in rows
        if row.pk in sent
    ]


def forget(*, now: datetime, batch: int = BATCH) -> int:
    """Delete tests of more than thirty days ago, and the address in the messages that carried them; returns
    how many. One that has not gone yet stays."""
    waits = Message.objects.filter(
        kind=Kind.WORDING_TRIAL, subject_id=OuterRef("pk"), state__in=ledger.UNSENT
    )
    old = Trial.objects.filter(~Exists(waits), created_at__lt=now - KEPT).order_by("created_at")
    removed = 0
    while ids := list(old.values_list("pk", flat=True)[:batch]):
        with writing.transaction():
            Message.objects.filter(kind=Kind.WORDING_TRIAL, subject_id__in=ids).update(sent_to="")
            Trial.objects.filter(pk__in=ids).delete()
        removed += len(ids)
    return removed


def sources() -> dict[str, Source]:
    """Who answers for this kind of message."""
    return {Kind.WORDING_TRIAL: facts}


def facts(message: Message, also: Sequence[Message], now: datetime) -> Facts:
    """Made up, as on the page: nobody's visits."""
    trial = Trial.objects.select_related("practice").get(
        practice_id=message.practice_id, pk=message.subject_id
    )
    link = f"{settings.PUBLIC_URL}/v/{samples.TOKEN}"
    return samples.of(kind=trial.kind, phone=trial.practice.phone, link=link)[0].facts


def _draft(trial: Trial, now: datetime) -> Draft:
    return Draft(
        practice_id=trial.practice_id,
        staff_id=trial.staff_id,
        kind=Kind.WORDING_TRIAL,
        channel=trial.channel,
        category="trial",
        subject_kind="trial",
        subject_id=trial.pk,
        due_at=now,
        useful_until=now + HOUR,
    )


def _limit(practice: Practice, now: datetime) -> None:
    lately = Trial.objects.filter(practice=practice, created_at__gt=now - HOUR).order_by("-created_at")
    times = list(lately.values_list("created_at", flat=True)[:AN_HOUR])
    if len(times) == AN_HOUR:
        raise Throttled(retry_after=max(1, int((times[-1] + HOUR - now).total_seconds())))


def _address(practice: Practice, channel: str, to: str) -> str:
    problems = fields.Problems()
    if channel == "sms":
        value = fields.phone(problems, "to", to, region=queries.region(practice=practice))
    else:
        value = fields.email(problems, "to", to)
    problems.raise_if_any()
    provider = channels.of(channel)
    if provider is None or not provider.configured():
        raise Invalid({"to": ["No provider is set up for this channel: nothing would be sent."]})
    if recipients.is_a_patients(practice_id=practice.pk, channel=channel, value=value):
        raise Invalid({"to": ["A patient has this address: a test never goes to a patient."]})
    if recipients.refused_for(practice_id=practice.pk, channel=channel, value=value):
        raise Invalid({"to": ["This address asked for no messages, or does not exist."]})
    return value


def _staff(actor: Actor) -> UUID:
    if actor.kind != "staff" or actor.id is None:
        raise NotAllowed(capability=wordings.WRITE)
    return actor.id


def _trial(actor: Actor, trial_id: UUID) -> Trial:
    found = Trial.objects.filter(practice_id=actor.practice_id, pk=trial_id).first()
    if found is None:
        raise NotFound()
    return found
