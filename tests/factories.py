"""A small invented clinic for tests, made through the same use cases as everything else.

`small_clinic()` is enough for most: it can book `iv_ketamine_2x_3wk_cbt`. All need the database
(`django_db`).
"""

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from django.utils import timezone

from clinic.practice import actor as actors
from clinic.practice import delegates, directory, people, queries, work
from clinic.practice.actor import Actor
from clinic.practice.models import Delegation, IntegrationClient, Practice, Room, Site, StaffMember, WorkItem
from clinic.practice.permissions import EVERYONE, SCOPES
from notifications.models import Suppression, Thread
from patients import decisions, records
from patients.models import Patient
from scheduling.booking.moving import absences
from scheduling.booking.protocol import protocols
from scheduling.models import Absence, ProtocolVersion, Shift
from scheduling.roster import shifts

# A Monday morning in New York, far from any change of the clocks.
NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
NEW_YORK = "America/New_York"
WORKDAYS = (1, 2, 3, 4, 5)
LIBRARY = Path(__file__).parent.parent / "scheduling" / "fixtures" / "protocols.json"
IV = "iv_ketamine_2x_3wk_cbt"

_count = itertools.count(1)


def document(key: str = IV) -> dict[str, Any]:
    """One protocol of the library, as it stands; a fresh copy each time."""
    library = json.loads(LIBRARY.read_text())
    return next(entry for entry in library["protocols"] if entry["key"] == key)


def library_keys() -> list[str]:
    """The keys of all protocols of the library."""
    return [entry["key"] for entry in json.loads(LIBRARY.read_text())["protocols"]]


def practice(name: str = "", **settings: Any) -> Practice:
    number = next(_count)
    return directory.create_practice(
        name=name or f"Practice {number}",
        message_name=f"Clinic {number}",
        phone="+12025550100",
        settings=settings,
        now=NOW,
    )


def admin(practice: Practice) -> Actor:
    """Somebody of the practice with every role; no row stands behind them."""
    return Actor(practice_id=practice.pk, kind="staff", roles=EVERYONE, label="test")


def actor(practice: Practice, *roles: str) -> Actor:
    """Somebody of the practice with these roles only; no row stands behind them."""
    return Actor(practice_id=practice.pk, kind="staff", roles=frozenset(roles), label="test")


def program(practice: Practice, *scopes: str) -> Actor:
    """A program of the practice with these scopes; without any named, with all."""
    return Actor(practice_id=practice.pk, kind="client", scopes=frozenset(scopes or SCOPES), label="program")


def as_actor(staff: StaffMember) -> Actor:
    """The actor that this member of staff is."""
    return queries.actor_of(staff=staff)


def system(practice: Practice) -> Actor:
    return actors.system(practice_id=practice.pk)


def site(practice: Practice, *, time_zone: str = NEW_YORK, name: str = "", **fields: Any) -> Site:
    """A site; without `hours` it is open whenever somebody works there."""
    return directory.create_site(
        actor=admin(practice),
        name=name or f"Site {next(_count)}",
        time_zone=time_zone,
        now=NOW,
        **fields,
    )


def room(site: Site, kind: str = "infusion_chair", *, name: str = "") -> Room:
    return directory.create_room(
        actor=admin(site.practice), site_id=site.pk, name=name or f"{kind} {next(_count)}", kind=kind, now=NOW
    )


def staff(
    site: Site, *roles: str, username: str = "", password: str | None = None, **fields: Any
) -> StaffMember:
    """A member of staff at home at the site, without a shift. Without a password they cannot sign in."""
    number = next(_count)
    return people.create_staff_member(
        actor=admin(site.practice),
        username=username or f"{roles[0] if roles else 'staff'}-{number}",
        given_name="Test",
        family_name=f"Person{number}",
        roles=roles,
        home_site_id=site.pk,
        password=password,
        now=NOW,
        **fields,
    )


def shift(
    staff: StaffMember,
    site: Site,
    *,
    weekdays: Sequence[int] = WORKDAYS,
    starts: time = time(8),
    ends: time = time(18),
    valid_from: date = date(2020, 1, 6),
    breaks: Sequence[tuple[time, time]] = (),
    **fields: Any,
) -> Shift:
    """A recurring shift, local to the site, on weekdays from 08:00 to 18:00 unless told."""
    return shifts.create_shift(
        actor=admin(site.practice),
        staff_id=staff.pk,
        site_id=site.pk,
        weekdays=weekdays,
        starts=starts,
        ends=ends,
        valid_from=valid_from,
        breaks=[{"starts": first, "ends": last} for first, last in breaks],
        now=NOW,
        **fields,
    )


def refused(clinic: "Clinic", now: datetime, **fields: Any) -> Suppression:
    """An address that does not exist, and that is not written to."""
    values = {"channel": "sms", "value": "+13035550199", "reason": "no_such_address", "since": now}
    row = Suppression.objects.create(practice=clinic.practice, **{**values, **fields})
    row.refresh_from_db()
    return row


def absence(staff: StaffMember, starts_at: datetime, ends_at: datetime) -> Absence:
    """A span in which somebody does not work."""
    assert staff.practice is not None
    return absences.create(
        actor=admin(staff.practice), staff_id=staff.pk, starts_at=starts_at, ends_at=ends_at, now=NOW
    )


def worker(site: Site, *roles: str, **fields: Any) -> StaffMember:
    """A member of staff with a weekday shift from 08:00 to 18:00 at the site."""
    member = staff(site, *roles, **fields)
    shift(member, site)
    return member


def patient(site: Site, *, consents: bool = True, **fields: Any) -> Patient:
    """A patient with a phone and an e-mail address and, unless told, the consent to be messaged by both."""
    number = next(_count)
    given: dict[str, Any] = {
        "given_name": "Test",
        "family_name": f"Patient{number}",
        "birth_date": date(1980, 1, 1),
        "phone": f"+1202555{100 + number % 100:04d}",
        "email": f"patient{number}@example.com",
    }
    someone = admin(site.practice)
    made = records.create_patient(
        actor=someone, site_id=site.pk, now=NOW, may_message=False, **{**given, **fields}
    )
    for channel in ("sms", "email") if consents else ():
        decisions.decide_messaging(
            # Agreed elsewhere and before: nothing confirms it.
            actor=program(site.practice),
            patient_id=made.pk,
            channel=channel,
            decision="granted",
            warning_version="1",
            source="test",
            now=NOW,
        )
    return made


def ready(patient: Patient, version: ProtocolVersion, *, now: datetime = NOW) -> None:
    """Everything that a dose of the protocol asks to be on file: eligibility and treatment consent."""
    someone = admin(patient.practice)
    key = version.template.key
    decisions.decide_eligibility(
        actor=someone, patient_id=patient.pk, protocol_key=key, decision="eligible", now=now
    )
    decisions.record_consent(
        actor=someone, patient_id=patient.pk, protocol_key=key, protocol_version=version.version, now=now
    )


def protocol(practice: Practice, key: str = IV, **changes: Any) -> ProtocolVersion:
    """A protocol of the library in a practice; `changes` replace top-level fields of its document."""
    return protocols.create(actor=admin(practice), document={**document(key), **changes}, now=NOW)


def client(practice: Practice, *scopes: str, secret: str = "secret-of-the-test") -> IntegrationClient:
    """An OAuth2 client of the practice for client credentials; without scopes named, with all."""
    return IntegrationClient.objects.create(
        practice=practice,
        name="Test program",
        client_type=IntegrationClient.CLIENT_CONFIDENTIAL,
        authorization_grant_type=IntegrationClient.GRANT_CLIENT_CREDENTIALS,
        client_secret=secret,
        allowed_scopes=" ".join(scopes or sorted(SCOPES)),
    )


@dataclass
class Clinic:
    """A practice in which the library's IV series can be booked. `admin` may do everything."""

    practice: Practice
    site: Site
    admin: Actor
    prescriber: StaffMember
    monitor: StaffMember
    therapists: list[StaffMember]
    front_desk: StaffMember
    chairs: list[Room]
    therapy_rooms: list[Room]
    version: ProtocolVersion
    patient: Patient
    extra: dict[str, Any] = field(default_factory=dict)


def small_clinic(*, time_zone: str = NEW_YORK, key: str = IV) -> Clinic:
    """Two chairs, two therapy rooms, a prescriber, a monitor, two therapists, a front desk, one ready
    patient.
    """
    ours = practice()
    here = site(ours, time_zone=time_zone)
    version = protocol(ours, key)
    someone = patient(here)
    ready(someone, version)
    return Clinic(
        practice=ours,
        site=here,
        admin=admin(ours),
        prescriber=worker(here, "prescriber"),
        monitor=worker(here, "monitor"),
        therapists=[worker(here, "therapist"), worker(here, "therapist")],
        front_desk=worker(here, "front_desk"),
        chairs=[room(here, "infusion_chair"), room(here, "infusion_chair")],
        therapy_rooms=[room(here, "therapy_room"), room(here, "therapy_room")],
        version=version,
        patient=someone,
    )


def task(clinic: Clinic) -> WorkItem:
    """A task of the front desk about the clinic's patient."""
    work.raise_item(
        practice_id=clinic.practice.pk,
        kind="patient_unreachable",
        dedupe_key="test",
        subject_kind="patient",
        subject_id=clinic.patient.pk,
        patient_id=clinic.patient.pk,
        role="front_desk",
        due_at=timezone.now(),
    )
    return WorkItem.objects.get(practice=clinic.practice)


def thread(clinic: Clinic) -> Thread:
    """The texts with the patient's number; none so far."""
    number = clinic.patient.contact_points.get(channel="sms").value
    return Thread.objects.create(practice=clinic.practice, number=number, last_at=NOW)


def delegation(clinic: Clinic, starts_at: datetime) -> Delegation:
    """One therapist stands in for the other for a week."""
    first, second = clinic.therapists
    return delegates.create(
        actor=clinic.admin,
        staff_id=first.pk,
        delegate_id=second.pk,
        starts_at=starts_at,
        ends_at=starts_at + timedelta(days=7),
        now=timezone.now(),
    )
