"""Who may do what at every address: written by hand, so that a change of the code shows here as a
difference."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from django.utils import timezone

from clinic.practice import directory, reads
from clinic.practice.models import Closure, StaffMember, TrailEntry
from notifications.models import Message
from notifications.webhooks import subscriptions
from patients.models import TreatmentConsent
from scheduling.booking.course import courses
from scheduling.booking.own import feeds
from scheduling.booking.waiting import waitlist
from scheduling.models import Appointment, CalendarFeed, FollowUpGap, Shift
from tests import factories


@dataclass(frozen=True)
class World:
    """One practice with one object of every kind that an address can name."""

    clinic: factories.Clinic
    ids: dict[str, UUID]
    admin: StaffMember
    soon: datetime

    @property
    def weekday(self) -> datetime:
        """A moment of somebody's shift, far from every visit."""
        far = (self.soon + timedelta(days=100)).replace(hour=16, minute=0, second=0)
        return far + timedelta(days=(7 - far.weekday()) % 7)

    def named_in(self, answer: Any) -> list[str]:
        """Which objects of this practice an answer names."""
        told = answer.content.decode()
        return [kind for kind, one in self.ids.items() if str(one) in told]

    def body(self, name: str) -> Any:
        return BODIES[name](self) if name else None


def build() -> World:
    clinic = factories.small_clinic()
    soon = (timezone.now() + timedelta(days=7)).replace(microsecond=0)
    away: dict[str, Any] = {"starts_at": soon + timedelta(days=300), "ends_at": soon + timedelta(days=301)}
    proposal = courses.propose(
        actor=clinic.admin,
        now=timezone.now(),
        patient_id=clinic.patient.pk,
        protocol_key=factories.IV,
        start_on_or_after=soon.date(),
        alternatives=1,
    )[0]
    course_id = courses.book(actor=clinic.admin, now=timezone.now(), proposal=proposal.token)
    closure: Closure = directory.create_closure(
        actor=clinic.admin, site_id=clinic.site.pk, now=timezone.now(), **away
    )
    waiting_id = waitlist.add(
        actor=clinic.admin,
        wish=waitlist.Wish(clinic.patient.pk, "therapy", soon, soon + timedelta(days=200), mode="video"),
        now=timezone.now(),
    )
    hook = {"url": "https://hooks.example.org/in", "event_types": ["course.booked"]}
    webhook = subscriptions.create(actor=clinic.admin, now=timezone.now(), **hook)
    line = TrailEntry.objects.get(verb="course.booked", subject_id=course_id)
    subscriptions.queue(webhook=webhook, found=[line], now=timezone.now())
    # Another system's names for people are each practice's own: every practice has its 77.
    named = factories.patient(clinic.site, external_ids=[{"system": "ehr", "value": "77"}])
    reads.record(actor=clinic.admin, route="a page", patient_ids=[clinic.patient.pk], now=timezone.now())
    return World(
        clinic=clinic,
        admin=factories.worker(clinic.site, "practice_admin"),
        soon=soon,
        ids={
            "practices": clinic.practice.pk,
            "sites": clinic.site.pk,
            "rooms": clinic.chairs[0].pk,
            "closures": closure.pk,
            "practitioners": clinic.monitor.pk,
            "absences": factories.absence(clinic.monitor, **away).pk,
            "shifts": Shift.objects.filter(staff=clinic.monitor).get().pk,
            "protocols": clinic.version.template_id,
            "patients": clinic.patient.pk,
            "named outside": named.pk,
            **_of_patient(clinic),
            "courses": course_id,
            "appointments": Appointment.objects.filter(course_id=course_id, kind="dosing")
            .earliest("start")
            .pk,
            "gaps": FollowUpGap.objects.filter(course_id=course_id).earliest("closes_at").pk,
            "waitlist": waiting_id,
            "work-items": factories.task(clinic).pk,
            "delegations": factories.delegation(clinic, soon).pk,
            "messages": Message.objects.filter(practice=clinic.practice).earliest("created_at").pk,
            "threads": factories.thread(clinic).pk,
            "refused": factories.refused(clinic, soon).uid,
            "webhooks": webhook.pk,
            "deliveries": webhook.deliveries.get().pk,
            "calendar-feeds": _feed(clinic).pk,
        },
    )


def _of_patient(clinic: factories.Clinic) -> dict[str, UUID]:
    return {
        "consents": TreatmentConsent.objects.get(patient=clinic.patient).pk,
        "points": clinic.patient.contact_points.get(channel="sms").pk,
    }


def _feed(clinic: factories.Clinic) -> CalendarFeed:
    return feeds.create(actor=clinic.admin, shows="site", of=clinic.site.pk, now=timezone.now())[0]


def _second_dose(world: World) -> Appointment:
    first = Appointment.objects.get(pk=world.ids["appointments"])
    return Appointment.objects.filter(course=first.course, kind="dosing", start__gt=first.start).earliest(
        "start"
    )


BODIES: dict[str, Callable[[World], Any]] = {
    "nothing": lambda world: {},
    "practice": lambda world: {"message_name": "Clinic"},
    "whole practice": lambda world: {"name": "Ours", "message_name": "Clinic"},
    "site": lambda world: {"name": f"Site {uuid4()}", "time_zone": "UTC"},
    "room": lambda world: {"name": f"Room {uuid4()}", "kind": "quiet_room"},
    "room here": lambda world: {"name": "R", "kind": "quiet_room", "site": str(world.clinic.site.pk)},
    "closure": lambda world: {
        "starts_at": (world.soon + timedelta(days=310)).isoformat(),
        "ends_at": (world.soon + timedelta(days=311)).isoformat(),
    },
    "absence": lambda world: {"starts_at": "2090-01-01T00:00:00Z", "ends_at": "2090-01-02T00:00:00Z"},
    "absence here": lambda world: {
        **BODIES["absence"](world),
        "practitioner": str(world.clinic.monitor.pk),
    },
    "closure here": lambda world: {**BODIES["closure"](world), "site": str(world.clinic.site.pk)},
    "person": lambda world: {"given_name": "A", "family_name": "B", "roles": ["monitor"]},
    "new person": lambda world: {**BODIES["person"](world), "username": f"u{uuid4().hex}"},
    "shift": lambda world: {
        "site": str(world.clinic.site.pk),
        "weekdays": [6],
        "starts": "09:00",
        "ends": "12:00",
        "valid_from": "2026-01-05",
    },
    "shift here": lambda world: {**BODIES["shift"](world), "practitioner": str(world.clinic.monitor.pk)},
    "protocol": lambda world: factories.document() | {"note": "changed"},
    "new protocol": lambda world: factories.document("kap_sublingual_im"),
    "patient": lambda world: {
        "given_name": "A",
        "family_name": "B",
        "birth_date": "1990-01-01",
        "site": str(world.clinic.site.pk),
    },
    "merge": lambda world: {
        "duplicate": str(factories.patient(world.clinic.site).pk),
        "reason": "The same person.",
    },
    "patients file": lambda world: (
        b"external_system,external_value,given_name,family_name,birth_date\nehr,77,A,B,1990-01-01\n"
    ),
    "appointments file": lambda world: (
        b"external_system,external_value,patient_system,patient_value,kind,start\nehr,1,ehr,77,screening,now\n"
    ),
    "consent": lambda world: {"protocol": factories.IV, "version": 1},
    "eligibility": lambda world: {"protocol": factories.IV, "decision": "eligible"},
    "measure": lambda world: {"code": "PHQ-9", "score": 12},
    "messaging": lambda world: {"channel": "sms", "decision": "revoked"},
    "address": lambda world: {"channel": "email", "value": f"{uuid4().hex}@example.com"},
    "asked address": lambda world: {
        "categories": ["reminders"],
        "addresses": [world.clinic.patient.contact_points.get(channel="email").value],
        "said": "By telephone.",
    },
    "webhook": lambda world: {"url": "https://hooks.example.org/in", "event_types": ["course.booked"]},
    "span": lambda world: {
        "since": (timezone.now() - timedelta(days=1)).isoformat(),
        "until": timezone.now().isoformat(),
    },
    "feed": lambda world: {"shows": "practitioner", "of": str(world.clinic.monitor.pk)},
    "propose": lambda world: {
        "patient": str(world.clinic.patient.pk),
        "protocol": factories.IV,
        "start_on_or_after": (world.soon + timedelta(days=60)).date().isoformat(),
    },
    "course": lambda world: {
        "proposal": courses.propose(
            actor=world.clinic.admin,
            now=timezone.now(),
            patient_id=world.clinic.patient.pk,
            protocol_key=factories.IV,
            start_on_or_after=(world.soon + timedelta(days=60)).date(),
            alternatives=1,
        )[0].token
    },
    "hold": lambda world: {**BODIES["course"](world), "minutes": 5},
    "adopt": lambda world: {
        "patient": str(world.clinic.patient.pk),
        "protocol": factories.IV,
        "given": [{"start": (timezone.now() - timedelta(days=9)).isoformat()}],
    },
    "visit": lambda world: {
        "patient": str(world.clinic.patient.pk),
        "kind": "screening",
        "start": (timezone.now() - timedelta(days=30)).isoformat(),
        "late_entry_reason": "It was not entered then.",
    },
    "replan": lambda world: {"mode": "preview"},
    "swap": lambda world: {"mode": "preview", "with": str(_second_dose(world).pk)},
    "reassign": lambda world: {
        "mode": "preview",
        "start": world.soon.isoformat(),
        "end": (world.soon + timedelta(days=30)).isoformat(),
    },
    "move": lambda world: {
        "mode": "preview",
        "start": (
            Appointment.objects.get(pk=world.ids["appointments"]).start + timedelta(minutes=15)
        ).isoformat(),
    },
    "reason": lambda world: {"reason": "Told by the test."},
    "wish": lambda world: {
        "earliest": world.soon.isoformat(),
        "latest": (world.soon + timedelta(days=200)).isoformat(),
    },
    "new wish": lambda world: {
        **BODIES["wish"](world),
        "patient": str(world.clinic.patient.pk),
        "kind": "therapy",
    },
    "offer": lambda world: {"start": world.weekday.isoformat()},
    "review": lambda world: {"decision": "continue", "reason": "Told by the test."},
    "correction": lambda world: {"status": "booked", "reason": "Told by the test."},
    "delegation": lambda world: {
        "staff": str(world.clinic.therapists[0].pk),
        "delegate": str(world.clinic.prescriber.pk),
        "starts_at": (world.soon + timedelta(days=20)).isoformat(),
        "ends_at": (world.soon + timedelta(days=21)).isoformat(),
    },
    "assign": lambda world: {"assignee": str(world.clinic.therapists[0].pk)},
    "snooze": lambda world: {"until": (timezone.now() + timedelta(days=1)).isoformat()},
    "attest": lambda world: {"attended_on": "2020-01-01"},
}


@dataclass(frozen=True)
class Row:
    """One method of one address: the scope that opens it, what it answers then, and the body that it
    needs.
    """

    method: str
    route: str
    scope: str
    status: int = 200
    body: str = ""
    # What must have happened before: verbs of this visit, or of this follow-up unit.
    before: tuple[str, ...] = ()


def resource(name: str, scope: str, *, make: str = "", change: str = "", replace: str = "") -> list[Row]:
    """List and retrieve, and what of create, change and replace there is."""
    rows = [Row("GET", f"{name}/", f"read:{scope}"), Row("GET", f"{name}/<id>/", f"read:{scope}")]
    if make:
        rows.append(Row("POST", f"{name}/", f"write:{scope}", 201, make))
    if change:
        rows.append(Row("PATCH", f"{name}/<id>/", f"write:{scope}", 200, change))
        rows.append(Row("PUT", f"{name}/<id>/", f"write:{scope}", 200, replace or change))
    return rows


def below_patient(name: str, body: str) -> list[Row]:
    return [
        Row("GET", f"patients/<id>/{name}/", "read:patients"),
        Row("POST", f"patients/<id>/{name}/", "write:patients", 201, body),
    ]


def visit(verb: str, *before: str, body: str = "nothing", status: int = 200) -> Row:
    return Row("POST", f"appointments/<id>/{verb}/", "write:appointments", status, body, before)


API: list[Row] = [
    *resource("practices", "practices", change="practice", replace="whole practice"),
    *resource("sites", "sites", make="site", change="site"),
    *resource("rooms", "rooms", make="room here", change="room"),
    *resource("closures", "closures", make="closure here", change="closure"),
    Row("DELETE", "closures/<id>/", "write:closures", 204),
    *resource("practitioners", "practitioners", make="new person", change="person"),
    *resource("shifts", "shifts", make="shift here", change="shift"),
    Row("DELETE", "shifts/<id>/", "write:shifts", 204),
    *resource("absences", "shifts", make="absence here", change="absence"),
    Row("DELETE", "absences/<id>/", "write:shifts", 204),
    *resource("protocols", "protocols", make="new protocol", change="protocol"),
    *resource("patients", "patients", make="patient", change="patient"),
    Row("GET", "patients/duplicates/", "read:patients"),
    Row("POST", "patients/<id>/merge/", "write:patients", 200, "merge"),
    Row("POST", "imports/patients/", "write:patients", 200, "patients file"),
    Row("POST", "imports/appointments/", "write:appointments", 200, "appointments file"),
    *below_patient("consents", "consent"),
    *below_patient("eligibility", "eligibility"),
    *below_patient("measures", "measure"),
    *below_patient("messaging-consents", "messaging"),
    *below_patient("contact-points", "address"),
    *below_patient("address-requests", "asked address"),
    Row("DELETE", "patients/<id>/contact-points/<point>/", "write:patients", 204),
    Row("POST", "patients/<id>/consents/<consent>/withdraw/", "write:patients", 200, "nothing"),
    *resource("courses", "courses", make="course"),
    Row("POST", "courses/propose/", "write:courses", 200, "propose"),
    Row("POST", "courses/adopt/", "write:courses", 201, "adopt"),
    Row("POST", "courses/hold/", "write:courses", 201, "hold"),
    # This one is booked: there is no hold to release.
    Row("POST", "courses/hold/<id>/release/", "write:courses", 409, "nothing"),
    Row("POST", "courses/<id>/cancel/", "write:courses", 200, "reason"),
    Row("POST", "courses/<id>/pause/", "write:courses", 200, "reason"),
    Row("POST", "courses/<id>/resume/", "write:courses", 200, "nothing", ("course.pause",)),
    Row("POST", "courses/<id>/review/", "write:courses", 200, "review"),
    # Doses are still to come.
    Row("POST", "courses/<id>/complete/", "write:courses", 409, "nothing"),
    Row("POST", "courses/<id>/reopen/", "write:courses", 200, "reason", ("course.stop",)),
    Row("POST", "courses/<id>/enter-in-error/", "write:courses", 200, "reason"),
    *resource("appointments", "appointments", make="visit"),
    visit("book", status=409),
    visit("release", status=409),
    visit("confirm"),
    visit("check-in"),
    visit("start", "check_in"),
    visit("end-administration", "check_in", "start"),
    visit("discharge", "check_in", "start", "end_administration", status=422),
    visit("complete", "check_in", status=409),
    visit("cancel", body="reason"),
    visit("move", body="move"),
    visit("swap", body="swap"),
    visit("pin"),
    visit("unpin"),
    Row("POST", "courses/<id>/replan/", "write:courses", 200, "replan"),
    Row("POST", "practitioners/<id>/reassign/", "write:appointments", 200, "reassign"),
    visit("reinstate", "cancel", body="reason"),
    visit("correct", "check_in", body="correction"),
    visit("enter-in-error", body="reason"),
    # What the rules of care refuse is reached, and refused there.
    visit("no-show", status=400),
    *resource("gaps", "gaps"),
    Row("GET", "gaps/<id>/explain/", "read:gaps"),
    Row("POST", "gaps/<id>/assign/", "write:gaps", 200, "assign"),
    Row("POST", "gaps/<id>/snooze/", "write:gaps", 200, "snooze"),
    Row("POST", "gaps/<id>/waive/", "write:gaps", 200, "reason"),
    Row("POST", "gaps/<id>/unwaive/", "write:gaps", 200, "nothing", ("waive",)),
    Row("POST", "gaps/<id>/attest/", "write:gaps", 200, "attest"),
    *resource("waitlist", "waitlist", make="new wish", change="wish"),
    Row("GET", "waitlist/fits/", "read:waitlist"),
    Row("POST", "waitlist/<id>/offer/", "write:appointments", 200, "offer"),
    # Nothing is offered to them yet.
    Row("POST", "waitlist/<id>/accept/", "write:appointments", 409, "nothing"),
    Row("POST", "waitlist/<id>/decline/", "write:appointments", 409, "nothing"),
    Row("POST", "waitlist/<id>/retract/", "write:waitlist", 409, "nothing"),
    Row("POST", "waitlist/<id>/withdraw/", "write:waitlist", 200, "nothing"),
    *resource("messages", "messages"),
    *resource("webhooks", "webhooks", make="webhook", change="webhook"),
    Row("DELETE", "webhooks/<id>/", "write:webhooks", 204),
    Row("POST", "webhooks/<id>/rotate-secret/", "write:webhooks", 200, "nothing"),
    Row("POST", "webhooks/<id>/replay/", "write:webhooks", 200, "span"),
    Row("GET", "webhooks/<id>/deliveries/", "read:webhooks"),
    Row("GET", "webhooks/<id>/deliveries/<delivery>/", "read:webhooks"),
    Row("POST", "webhooks/<id>/deliveries/<delivery>/replay/", "write:webhooks", 200, "nothing"),
    *resource("calendar-feeds", "calendar-feeds", make="feed"),
    Row("DELETE", "calendar-feeds/<id>/", "write:calendar-feeds", 204),
    Row("GET", "access-log/", "read:access-log"),
    *resource("work-items", "work"),
    Row("POST", "work-items/<id>/done/", "write:work", 200, "nothing"),
    *resource("delegations", "practitioners", make="delegation"),
    Row("DELETE", "delegations/<id>/", "write:practitioners", 204),
    Row("GET", "roster/", "read:roster"),
    Row("GET", "availability/", "read:availability"),
]
