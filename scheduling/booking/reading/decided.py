"""What people decided about a course, as plain rows: rules broken on purpose, and reviews held."""

from collections.abc import Iterable

from scheduling.booking.reading import rows
from scheduling.models import CourseReview, RuleOverride


def overrides(stored: Iterable[RuleOverride]) -> tuple[rows.Override, ...]:
    """Stored overrides as plain rows, oldest first."""
    return tuple(
        rows.Override(
            rule_id=override.rule_id,
            visit_ref=override.visit_ref,
            value=override.value,
            reason=override.reason,
            author=override.author,
            at=override.at,
        )
        for override in sorted(stored, key=lambda override: override.at)
    )


def reviews(stored: Iterable[CourseReview]) -> tuple[rows.Review, ...]:
    """Stored decisions as plain rows, oldest first."""
    return tuple(
        rows.Review(
            phase=review.phase.name if review.phase else None,
            decision=review.decision,
            next_phase=review.next_phase.name if review.next_phase else None,
            reason=review.reason,
            decided_at=review.decided_at,
            decided_by=review.decided_by,
        )
        for review in sorted(stored, key=lambda review: review.decided_at)
    )
