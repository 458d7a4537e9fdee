"""What a clinician decided about a course at the end of a phase."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from clinic.practice.ids import new_id
from scheduling.models.course import CoursePhase, TreatmentCourse


class Decision(models.TextChoices):
    CONTINUE = "continue"
    CHANGE = "change"
    COMPLETE = "complete"
    STOP = "stop"


class CourseReview(models.Model):
    """One decision, with its reason and its author; a later one stands beside it, never in its place.

    `phase` is the one that was reviewed, `next_phase` the one that treatment goes on with.
    """

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    course = models.ForeignKey(TreatmentCourse, on_delete=models.PROTECT, related_name="reviews")
    phase = models.ForeignKey(CoursePhase, on_delete=models.PROTECT, null=True, related_name="reviews")
    decision = models.CharField(max_length=10, choices=Decision)
    next_phase = models.ForeignKey(CoursePhase, on_delete=models.PROTECT, null=True, related_name="+")
    reason = models.CharField(max_length=500)
    decided_at = models.DateTimeField()
    decided_by = models.CharField(max_length=60)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(decision__in=Decision.values), name="review_decision_known"),
            models.CheckConstraint(condition=~Q(reason=""), name="review_has_reason"),
            models.CheckConstraint(condition=~Q(decided_by=""), name="review_has_author"),
        ]
        indexes: ClassVar = [models.Index(fields=["course", "decided_at"])]

    def __str__(self) -> str:
        return f"{self.course_id} {self.decision}"
