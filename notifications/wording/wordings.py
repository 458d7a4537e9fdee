"""A practice's own words for its messages: kept, checked, taken back. Every text has the built-in words too.

Each write is one transaction with its trail row. `version` is what the caller last read, 0 of a text that the
practice never changed. All raise NotAllowed, NotFound, Invalid and Stale.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.apps import apps

from clinic.practice import permissions, queries, work, writing
from clinic.practice.actor import Actor
from clinic.practice.errors import Invalid
from clinic.practice.joined import Joined
from clinic.practice.models import Practice
from notifications.models import Message, Trial, Wording
from notifications.planning.kinds import Kind
from notifications.wording import checking, texts
from notifications.wording.checking import Check
from notifications.wording.texts import Which, Words

READ, WRITE = "wordings.read", "wordings.write"
# The task that tells staff of words that cannot be used any more.
REFUSED_ITEM = "wording_refused"
# What the trail and the task call it.
SUBJECT = "wording"
TEST = "TEST:"
EXPLAINED = "This is a test of a message to patients. The times and the link in it are made up."
_WORDINGS = Joined(Wording)
# A text is changed a few times in its life.
FORMER = 10


@dataclass(frozen=True, slots=True)
class Held:
    """One text as the practice says it. `own`: in its own words, which `check` may refuse by now."""

    which: Which
    words: Words
    own: bool
    version: int
    check: Check

    @property
    def refused(self) -> bool:
        return self.own and not self.check.passes


@dataclass(frozen=True, slots=True)
class Former:
    """What was said from `since` on; None: the built-in words."""

    since: datetime
    words: Words | None


@dataclass(frozen=True, slots=True)
class Own:
    """What one message is to say in words that are not built in."""

    id: UUID
    which: Which
    words: Words
    usable: bool
    is_trial: bool = False


def may_read(*, actor: Actor) -> None:
    """Raise NotAllowed unless the actor may see what is said."""
    permissions.check(actor=actor, capability=READ)


def may_write(*, actor: Actor) -> None:
    """Raise NotAllowed unless the actor may change what is said."""
    permissions.check(actor=actor, capability=WRITE)


def listing(*, actor: Actor) -> list[Held]:
    """Every text that the service sends: one query for all."""
    may_read(actor=actor)
    practice = queries.practice(actor=actor)
    rows = {_which(row): row for row in Wording.objects.filter(practice=practice)}
    return [_held(which, rows.get(which), practice) for which in texts.every()]


def held(*, actor: Actor, which: Which) -> Held:
    """One text as it is."""
    may_read(actor=actor)
    practice = queries.practice(actor=actor)
    row = Wording.objects.filter(practice=practice, **_keys(which)).first()
    return _held(which, row, practice)


def former(*, actor: Actor, which: Which) -> list[Former]:
    """What the practice said before, latest first."""
    may_read(actor=actor)
    events = apps.get_model("notifications", "WordingEvent")._default_manager.filter(
        practice_id=actor.practice_id, version__gt=0, **_keys(which)
    )
    latest = events.order_by("-pgh_id")[:FORMER]
    return [
        Former(one.pgh_created_at, Words(one.subject, one.body) if one.in_use else None) for one in latest
    ]


def check(*, actor: Actor, which: Which, words: Words) -> Check:
    """What would be said to these words, and how they would come out. Writes nothing."""
    may_read(actor=actor)
    return _check(which, words, queries.practice(actor=actor))


def save(*, actor: Actor, which: Which, words: Words, now: datetime, version: int | None = None) -> None:
    """Say it in these words from now on. Raises Invalid, by field, for words that may not be used.

    The built-in words, word for word, are no own ones. Saving what stands already changes nothing.
    """
    may_write(actor=actor)
    passed(actor=actor, which=which, words=words)
    _put(actor, which, words, words != texts.builtin(which), now, version)


def revert(*, actor: Actor, which: Which, now: datetime, version: int | None = None) -> None:
    """Say it in the built-in words again. What was said stays in the history."""
    may_write(actor=actor)
    _put(actor, which, None, False, now, version)


def passed(*, actor: Actor, which: Which, words: Words) -> None:
    """Raise Invalid, by field, unless these words may be used."""
    found = check(actor=actor, which=which, words=words)
    if found.problems:
        raise Invalid({field: list(told) for field, told in found.problems.items()})


def of(*, message: Message, language: str) -> Own | None:
    """What this message is to say in the practice's own words, or in those that are only tried."""
    if message.kind == Kind.WORDING_TRIAL:
        trial = Trial.objects.get(practice_id=message.practice_id, pk=message.subject_id)
        return _own(trial, message.practice)
    known = language if language in texts.LANGUAGES else texts.LANGUAGES[0]
    rows = _WORDINGS.fetch(
        "WHERE practice_id = %s AND kind = %s AND language = %s AND channel = %s AND in_use",
        [message.practice_id, message.kind, known, message.channel],
    )
    return _own(rows[0], message.practice) if rows else None


def in_use(*, practice: Practice, language: str) -> dict[Which, Own]:
    """What a practice says in its own words to who reads this language: one query."""
    known = language if language in texts.LANGUAGES else texts.LANGUAGES[0]
    rows = Wording.objects.filter(practice=practice, language=known, in_use=True)
    return {_which(row): _own(row, practice) for row in rows}


def refused_key(*, wording_id: UUID) -> str:
    """One task a version of the words: mended and broken again is told again."""
    version = Wording.objects.values_list("version", flat=True).get(pk=wording_id)
    return f"{REFUSED_ITEM}:{wording_id}:{version}"


def _own(row: Wording | Trial, practice: Practice) -> Own:
    which, words = _which(row), Words(row.subject, row.body)
    usable = _check(which, words, practice).passes
    if isinstance(row, Trial):
        return Own(row.pk, which, _marked(which, words), usable, is_trial=True)
    return Own(row.pk, which, words, usable)


def marked(*, text: str) -> str:
    """A text message that is a test says so first. Put there when everything is counted: what fits without it
    is what patients get.
    """
    return f"{TEST} {text}"


def _marked(which: Which, words: Words) -> Words:
    """An e-mail that is a test says that it is one, where it is seen first."""
    if which.channel == "sms":
        return words
    return Words(f"{TEST} {words.subject}", f"{EXPLAINED}\n\n{words.body}")


def _put(
    actor: Actor, which: Which, words: Words | None, in_use: bool, now: datetime, version: int | None
) -> None:
    with writing.transaction():
        # One row to lock, however many begin at the same moment.
        first = Wording(practice_id=actor.practice_id, version=0, in_use=False, **_keys(which))
        Wording.objects.bulk_create([first], ignore_conflicts=True)
        row = Wording.objects.select_for_update().get(practice_id=actor.practice_id, **_keys(which))
        values: dict[str, str | bool] = {"in_use": in_use}
        if words is not None:
            values |= {"subject": words.subject, "body": words.body}
        if all(getattr(row, name) == value for name, value in values.items()):
            return
        writing.fresh(held=row.version, read=version)
        writing.save(row=row, values=values)
        writing.tell(
            actor=actor,
            now=now,
            verb="update" if in_use else "revert",
            kind=SUBJECT,
            row_id=row.pk,
            fields=values,
        )
        work.settle(
            practice_id=actor.practice_id, subject_ids=[row.pk], kinds=[REFUSED_ITEM], by=actor.ref, now=now
        )


def _held(which: Which, row: Wording | None, practice: Practice) -> Held:
    own = row is not None and row.in_use
    words = Words(row.subject, row.body) if row is not None and own else texts.builtin(which)
    # The built-in words are checked before they are shipped.
    found = _check(which, words, practice) if own else Check({})
    return Held(which, words, own, row.version if row else 0, found)


def _check(which: Which, words: Words, practice: Practice) -> Check:
    return checking.check(which=which, words=words, clinic=practice.message_name, phone=practice.phone)


def _which(row: Wording | Trial) -> Which:
    return Which(row.kind, row.language, row.channel)


def _keys(which: Which) -> dict[str, str]:
    return {"kind": which.kind, "language": which.language, "channel": which.channel}
