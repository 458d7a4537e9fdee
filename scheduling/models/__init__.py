"""Courses, visits, who is where, and the follow-ups owed: rows and constraints, no workflow."""

from scheduling.models.appointment import Appointment, AppointmentPractitioner, GroupSession
from scheduling.models.course import CoursePhase, RuleOverride, TreatmentCourse
from scheduling.models.feed import CalendarFeed
from scheduling.models.followup import ExternalVisit, FollowUpGap, GapDose, GapVisit
from scheduling.models.identifier import AppointmentIdentifier
from scheduling.models.patient_link import PatientLink
from scheduling.models.protocol import ProtocolTemplate, ProtocolVersion
from scheduling.models.review import CourseReview
from scheduling.models.roster import Absence, Occupancy, Shift, ShiftBreak
from scheduling.models.waitlist import WaitlistEntry, WaitlistOffer

__all__ = [
    "Absence",
    "Appointment",
    "AppointmentIdentifier",
    "AppointmentPractitioner",
    "CalendarFeed",
    "CoursePhase",
    "CourseReview",
    "ExternalVisit",
    "FollowUpGap",
    "GapDose",
    "GapVisit",
    "GroupSession",
    "Occupancy",
    "PatientLink",
    "ProtocolTemplate",
    "ProtocolVersion",
    "RuleOverride",
    "Shift",
    "ShiftBreak",
    "TreatmentCourse",
    "WaitlistEntry",
    "WaitlistOffer",
]
