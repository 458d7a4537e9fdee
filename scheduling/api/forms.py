"""What is read about courses, visits, follow-up units and time. Every list of fields is a literal."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from clinic.practice.api.fields import Anything, Choice, Day, Flag, Id, Instant, Text, WallTime, Whole
from clinic.practice.api.shapes import Shape
from scheduling.models.appointment import Kind, Mode, Status
from scheduling.models.course import CourseStatus
from scheduling.models.followup import GapStatus, Severity
from scheduling.models.review import Decision
from scheduling.models.waitlist import OfferState, WaitlistStatus


class WindowShape(Shape):
    """When a follow-up may start."""

    opens_at = Instant(allow_null=True)
    ideal_from = Instant(allow_null=True)
    ideal_to = Instant(allow_null=True)
    closes_at = Instant(allow_null=True)
    grace_until = Instant(allow_null=True)


class PersonShape(Shape):
    """One person's part in a visit."""

    id = Id()
    name = Text()
    role = Text()
    presence = Text(help_text="exclusive, shared or on_site (named, not occupied).")


class FactShape(Shape):
    """What happened, when, and who said so."""

    name = Text()
    at = Instant()
    by = Text()


class OverrideShape(Shape):
    """A rule broken on purpose, by whom and why."""

    rule_id = Text()
    visit = Text(source="visit_ref")
    value = Anything()
    reason = Text()
    author = Text()
    at = Instant()


class AppointmentShape(Shape):
    patient_at = "patient.id"
    id = Id()
    status = Choice(choices=Status.choices)
    kind = Choice(choices=Kind.choices)
    ref = Text(help_text="The plan's own name for it, such as dose-4.")
    phase = Text(allow_null=True)
    sequence = Whole(allow_null=True)
    mode = Choice(choices=Mode.choices)
    start = Instant()
    end = Instant()
    time_zone = Text(help_text="The site's.")
    patient = Id(source="patient.id")
    course = Id(source="course_id", allow_null=True)
    site = Id(source="site.id")
    practitioners = PersonShape(many=True)
    room = serializers.SerializerMethodField()
    follows = Id(allow_null=True, help_text="The dose that it follows.")
    window = WindowShape(allow_null=True, help_text="The window that it was accepted in.")
    group_session = Id(allow_null=True)
    facts = FactShape(many=True)
    hold_expires_at = Instant(allow_null=True, help_text="Of a held visit: from then on it takes no place.")
    cancel_reason_code = Text(
        source="cancel_code", help_text="A code of the list of reasons; blank unless cancelled."
    )
    cancel_reason = Text()
    late_entry_reason = Text()
    pinned_at = Instant(allow_null=True, help_text="A person fixed it: no cascade moves it.")
    pinned_by = Text(allow_null=True)
    overrides = OverrideShape(many=True, help_text="The rules that were broken for it on purpose.")
    version = Whole()
    updated_at = Instant()

    @extend_schema_field({"type": ["string", "null"], "format": "uuid"})
    def get_room(self, visit: Any) -> str | None:
        return str(visit.room.id) if visit.room else None


class GapShape(Shape):
    """One follow-up unit: what is owed after its doses."""

    patient_at = "patient.id"
    id = Id()
    status = Choice(choices=GapStatus.choices)
    severity = Choice(choices=Severity.choices)
    flagged = Flag()
    unit = Text()
    needed = Whole(help_text="How many visits it needs.")
    window = WindowShape()
    due_at = Instant(allow_null=True)
    time_zone = Text(help_text="The site's.")
    patient = Id(source="patient.id")
    course = Id(source="course_id")
    site = Id(source="site.id")
    doses = serializers.ListField(child=Id())
    visits = serializers.ListField(child=Id(), help_text="Those that count for it.")
    late = Flag()
    booked_late = Flag()
    attendance_unrecorded = Flag()
    review_needed = Flag()
    attended_after = Instant(allow_null=True)
    assignee = serializers.SerializerMethodField(help_text="Who was named for it.")
    owner = serializers.SerializerMethodField(
        help_text="The assignee, else whom the practice's rule gives it to; null is the front desk."
    )
    escalated_at = Instant(allow_null=True, help_text="When it went to the clinical lead.")
    snoozed_until = Instant(allow_null=True)
    waived_at = Instant(allow_null=True)
    reason = Text()
    version = Whole()
    updated_at = Instant()

    @extend_schema_field({"type": ["string", "null"], "format": "uuid"})
    def get_assignee(self, gap: Any) -> str | None:
        return str(gap.assignee.id) if gap.assignee else None

    @extend_schema_field({"type": ["string", "null"], "format": "uuid"})
    def get_owner(self, gap: Any) -> str | None:
        return str(gap.owner.id) if gap.owner else None


class ExplanationShape(Shape):
    """Why a follow-up unit is in its state."""

    patient_at = "gap.patient.id"
    gap = GapShape()
    because = Text()
    doses = AppointmentShape(many=True)
    visits = AppointmentShape(many=True)
    slots_left = Whole(help_text="Starts that still fit the window; 100 means 100 or more.")


class ProtocolRefShape(Shape):
    id = Id()
    key = Text()
    name = Text()
    version = Whole()


class PhaseShape(Shape):
    name = Text()
    planned_sessions = Whole(allow_null=True)
    exit_review_required = Flag()
    review_on = Day(allow_null=True)


class ReviewShape(Shape):
    """What was decided at the end of a phase, or on its review date."""

    phase = Text(allow_null=True)
    decision = Choice(choices=Decision.choices)
    next_phase = Text(allow_null=True)
    reason = Text()
    decided_at = Instant()
    decided_by = Text()


class CourseShape(Shape):
    """A course as a list shows it."""

    patient_at = "patient.id"
    id = Id()
    status = Choice(choices=CourseStatus.choices)
    patient = Id(source="patient.id")
    site = Id(source="site.id")
    time_zone = Text(help_text="The site's.")
    protocol = ProtocolRefShape()
    responsible_clinician = serializers.SerializerMethodField()
    start_on_or_after = Day()
    through_phase = Text()
    preferences = Anything()
    phases = PhaseShape(many=True)
    redisclosure_notice = Text(
        source="redisclosure",
        help_text="42 CFR 2.32: goes wherever the course is passed on; blank for others.",
    )
    version = Whole()
    created_at = Instant()
    updated_at = Instant()

    @extend_schema_field({"type": ["string", "null"], "format": "uuid"})
    def get_responsible_clinician(self, course: Any) -> str | None:
        return str(course.responsible_clinician.id) if course.responsible_clinician else None


class WholeCourseShape(CourseShape):
    """A course with its visits in the order of time, its follow-up units, overrides and reviews."""

    patient_at = "course.patient.id"
    hold_expires_at = Instant(allow_null=True, help_text="Of a held course: book it before then.")
    visits = AppointmentShape(many=True)
    gaps = GapShape(many=True)
    overrides = OverrideShape(many=True)
    reviews = ReviewShape(many=True)
    to_replan = serializers.ListField(
        child=Id(), help_text="Visits that it gave up when it paused or stopped, and that are not back."
    )

    def to_representation(self, instance: Any) -> dict[str, Any]:
        ends = instance.hold_expires_at
        return CourseShape.show(instance.course) | {
            "hold_expires_at": Instant().to_representation(ends) if ends else None,
            "visits": AppointmentShape.show_all(instance.visits),
            "gaps": GapShape.show_all(instance.gaps),
            "overrides": OverrideShape.show_all(instance.overrides),
            "reviews": ReviewShape.show_all(instance.reviews),
            "to_replan": [str(one) for one in instance.to_replan],
        }


# --- waitlist -------------------------------------------------------------------------------------------
class OfferShape(Shape):
    """A place offered: the visit that is held for the patient."""

    appointment = Id(source="appointment_id")
    state = Choice(choices=OfferState.choices)
    start = Instant()
    end = Instant()
    offered_at = Instant()
    expires_at = Instant()


class WaitlistShape(Shape):
    patient_at = "patient.id"

    id = Id()
    status = Choice(choices=WaitlistStatus.choices)
    patient = Id(source="patient.id")
    site = Id(source="site.id")
    time_zone = Text(help_text="The site's.")
    kind = Choice(choices=Kind.choices)
    mode = Choice(choices=Mode.choices)
    course = Id(source="course_id", allow_null=True)
    follows = Id(allow_null=True)
    earliest = Instant()
    latest = Instant()
    practitioners = serializers.ListField(child=Id())
    weekdays = serializers.ListField(child=Whole(), help_text="ISO: 1 is Monday.")
    time_of_day = Text()
    priority = Whole()
    offer = OfferShape(allow_null=True, help_text="The latest.")
    version = Whole()
    created_at = Instant()
    updated_at = Instant()


class FitShape(Shape):
    """Somebody whom the place fits."""

    patient_at = "entry.patient.id"

    entry = WaitlistShape()
    start = Instant()
    end = Instant()
    practitioners = serializers.ListField(child=Id())
    room = Id(allow_null=True)
    meets = serializers.ListField(child=Text(), help_text="The wishes that it meets.")


# --- protocols ------------------------------------------------------------------------------------------
class ProtocolShape(Shape):
    id = Id(source="template_id")
    key = Text(source="template.key")
    name = Text()
    modality = Text()
    is_plannable = Flag(help_text="False: it has no plan block, so it is not plannable until mapped.")
    is_active = Flag(source="template.is_active")
    version = Whole()
    document = Anything(help_text="The entry as it came.")
    created_at = Instant()
    created_by = Text()


# --- shifts ---------------------------------------------------------------------------------------------
class BreakShape(Shape):
    starts = WallTime()
    ends = WallTime()


class ShiftShape(Shape):
    """Recurring working time, in the site's local time."""

    id = Id()
    practitioner = Id(source="staff_id")
    site = Id(source="site_id")
    time_zone = Text(source="site.time_zone")
    weekdays = serializers.ListField(child=Whole(), help_text="ISO: 1 is Monday.")
    every_weeks = Whole()
    starts = WallTime()
    ends = WallTime()
    valid_from = Day()
    valid_until = Day(allow_null=True)
    breaks = BreakShape(many=True)
    version = Whole()
    updated_at = Instant()


# --- time -----------------------------------------------------------------------------------------------
class IntervalShape(Shape):
    start = Instant()
    end = Instant()


class AvailabilityShape(Shape):
    site = Id(source="site.id")
    time_zone = Text()
    intervals = IntervalShape(many=True)


class RosterLineShape(Shape):
    practitioner = Id(source="practitioner.id")
    name = Text(source="practitioner.name")
    on_shift = IntervalShape(many=True)
    visits = serializers.SerializerMethodField()

    @extend_schema_field({"type": "array", "items": {"type": "string", "format": "uuid"}})
    def get_visits(self, line: Any) -> list[str]:
        return [str(visit.id) for visit in line.visits]


class RosterShape(Shape):
    """One local day."""

    day = Day()
    time_zone = Text()
    site = serializers.SerializerMethodField()
    practitioners = RosterLineShape(source="lines", many=True)
    visits = AppointmentShape(many=True)
    closures = IntervalShape(many=True)

    @extend_schema_field({"type": ["string", "null"], "format": "uuid"})
    def get_site(self, roster: Any) -> str | None:
        return str(roster.site.id) if roster.site else None


# --- proposals ------------------------------------------------------------------------------------------
class PlannedPersonShape(Shape):
    id = Id()
    role = Text()
    presence = Text()


class PlannedVisitShape(Shape):
    ref = Text()
    kind = Choice(choices=Kind.choices)
    phase = Text(allow_null=True)
    sequence = Whole()
    start = Instant()
    end = Instant()
    mode = Choice(choices=Mode.choices)
    practitioners = PlannedPersonShape(many=True)
    room = Id(allow_null=True)
    follows = Text(allow_null=True, help_text="The ref of the dose that it follows.")
    group_session = Id(allow_null=True)
    window = WindowShape(allow_null=True)


class ProposalShape(Shape):
    """One whole course that can be booked until it expires, unless somebody takes its places first."""

    token = Text()
    expires_at = Instant()
    time_zone = Text()
    cost = Whole()
    cost_breakdown = serializers.DictField(child=Whole())
    proven = Flag(help_text="False: the search was ended at its limit, and a cheaper plan may exist.")
    trades = serializers.ListField(child=Text())
    visits = PlannedVisitShape(many=True)


class ProposedShape(Shape):
    proposals = ProposalShape(many=True)
