"""The place and its people: rows and constraints."""

from clinic.practice.models.delegation import Delegation
from clinic.practice.models.idempotency import IdempotencyKey
from clinic.practice.models.imports import ImportRun
from clinic.practice.models.integration import IntegrationClient
from clinic.practice.models.mails import MailChoice
from clinic.practice.models.place import Closure, OpeningHours, Practice, Resource, Room, Site
from clinic.practice.models.reads import PatientRead
from clinic.practice.models.roster_stamp import RosterStamp
from clinic.practice.models.staff import StaffMember
from clinic.practice.models.trail import TrailEntry
from clinic.practice.models.work import WorkItem

__all__ = [
    "Closure",
    "Delegation",
    "IdempotencyKey",
    "ImportRun",
    "IntegrationClient",
    "MailChoice",
    "OpeningHours",
    "PatientRead",
    "Practice",
    "Resource",
    "Room",
    "RosterStamp",
    "Site",
    "StaffMember",
    "TrailEntry",
    "WorkItem",
]
