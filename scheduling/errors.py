"""What scheduling refuses, and why. No HTTP here: clinic.config maps each to a status."""

from typing import Any

from clinic.practice.errors import Conflict, DomainError


class SchedulingError(DomainError):
    """Scheduling refused this."""


class SlotTaken(Conflict):
    """The time is no longer free.

    `clashes`: `[{"visit", "kind", "start", "end", "resource"}]`, one for each visit that does not fit any
    more. `alternative`: the nearest one that does, or None.
    """

    code = "slot_taken"

    def __init__(self, *, clashes: list[dict[str, Any]], alternative: dict[str, Any] | None = None) -> None:
        super().__init__(None, clashes=clashes, alternative=alternative)
        self.clashes = clashes
        self.alternative = alternative

    def offer(self, alternative: dict[str, Any] | None) -> None:
        """Add the alternative, which is looked for after the refused transaction has ended."""
        self.alternative = self.data["alternative"] = alternative


class MergeClash(Conflict):
    """Both patients have coming visits at one time: cancel or move one of each two first.

    `clashes`: `[{"visit", "against", "start", "end"}]`, the survivor's visit or the duplicate's against the
    other one's.
    """

    code = "merge_clash"

    def __init__(self, *, clashes: list[dict[str, Any]]) -> None:
        super().__init__(None, clashes=clashes)
        self.clashes = clashes


class Unplannable(SchedulingError):
    """No plan keeps all the rules.

    `rules` says which cannot hold together, and what would help.
    """

    code = "unplannable"

    def __init__(self, *, rules: list[dict[str, Any]]) -> None:
        super().__init__(None, rules=rules)
        self.rules = rules


class RuleViolation(SchedulingError):
    """This breaks a rule.

    `violations`: `[{"rule_id", "severity", "overridable", "visit", "message"}]`.
    """

    code = "rule_violation"

    def __init__(self, *, violations: list[dict[str, Any]]) -> None:
        super().__init__(None, violations=violations)
        self.violations = violations


class ProposalExpired(Conflict):
    """This proposal has expired or was changed; ask for a new one.

    Also when a visit of it is in the past by now.
    """

    code = "proposal_expired"


class PreviewExpired(Conflict):
    """This preview has expired or was changed, or it shows something else; ask for a new one."""

    code = "preview_expired"


class PreviewStale(Conflict):
    """Things have changed since the preview; nothing was done.

    `changed`: `[{"what", "visit", "appointment", "message"}]`, where `what` is `visit` (it was changed,
    booked or ended since) or `roster` (somebody or something is not there any more).
    """

    code = "preview_stale"

    def __init__(self, *, changed: list[dict[str, Any]]) -> None:
        super().__init__(None, changed=changed)
        self.changed = changed


class HoldExpired(Conflict):
    """This hold is over: it expired, or it was released.

    `alternative`: what could be held or booked instead as things stand now, or None.
    """

    code = "hold_expired"

    def __init__(self) -> None:
        super().__init__(None, alternative=None)

    def offer(self, alternative: dict[str, Any] | None) -> None:
        """Add the alternative, which is looked for after the refused transaction has ended."""
        self.data["alternative"] = alternative


class HeldWhole(Conflict):
    """This visit is part of a held course, which is booked or released whole."""

    code = "held_whole"


class TooManyHolds(Conflict):
    """There are as many holds as are allowed; book or release one first."""

    code = "too_many_holds"


class NotSent(Conflict):
    """No message can go to this patient now; nothing was sent.

    `reason`: why, as the messages that stay silent have it.
    """

    code = "not_sent"

    def __init__(self, *, reason: str) -> None:
        super().__init__(None, reason=reason)
        self.reason = reason


class InTheFuture(DomainError):
    """Nothing can be recorded before it happens."""

    code = "in_the_future"
