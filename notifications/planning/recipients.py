"""Whether this person may be reached by this channel, and at which address: asked when planning and again
when sending.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import connection
from django.db.models import QuerySet

from clinic.practice import prepared
from notifications.models import Inbound, Message, StaffReply, Suppression, Trial
from notifications.models.message import TO_NUMBERS
from notifications.planning import suppressions
from notifications.planning.kinds import RULES, Kind
from notifications.planning.ports import Silence
from notifications.planning.preferences import PREFERENCE
from patients import queries as patients
from patients.models import ContactPoint, MessagingConsent, Patient
from patients.models.contact import Purpose

# leave for these is leave for all of a course's messages; each other category can be stopped by itself.
CONSENT = "reminders"
# The sorts of messages that there are.
SORTS = tuple(dict.fromkeys(rule.category for rule in RULES.values()))
# Of the patient of a message, here called `one`: their latest decision, and their addresses in order, each
# with why nothing may go there, blank when it may. At least one row, without an address where there is none.
ASKED = f"""
ARRAY(
    SELECT ARRAY[
        CASE own.decision
            WHEN '{MessagingConsent.Decision.REVOKED}' THEN own.decision ELSE general.decision END,
        contact.value,
        CASE WHEN contact.value <> ALL (request.addresses) THEN 'other_address_asked'
            ELSE COALESCE(
                refused.reason, CASE contact.purpose WHEN '{Purpose.CALLS}' THEN 'only_for_calls' ELSE '' END)
        END
    ]
    FROM (SELECT) nothing
    LEFT JOIN LATERAL (
        SELECT decision FROM patients_messagingconsent
        WHERE patient_id = one.patient_id AND channel = one.channel AND category = one.category
        ORDER BY decided_at DESC, recorded_at DESC LIMIT 1
    ) own ON true
    LEFT JOIN LATERAL (
        SELECT decision FROM patients_messagingconsent
        WHERE patient_id = one.patient_id AND channel = one.channel AND category = '{CONSENT}'
        ORDER BY decided_at DESC, recorded_at DESC LIMIT 1
    ) general ON true
    LEFT JOIN LATERAL (
        SELECT addresses FROM patients_addressrequest
        WHERE patient_id = one.patient_id AND one.category = ANY (categories)
        ORDER BY decided_at DESC, recorded_at DESC LIMIT 1
    ) request ON true
    LEFT JOIN patients_contactpoint contact
        ON contact.patient_id = one.patient_id AND contact.channel = one.channel AND contact.is_active
    LEFT JOIN notifications_suppression refused
        ON refused.practice_id = one.practice_id AND refused.channel = one.channel
        AND refused.value = contact.value AND refused.category IN ('', one.category)
    ORDER BY (contact.value <> ALL (request.addresses)) IS TRUE, contact.rank, contact.id
)"""
Asked = Sequence[Sequence[str | None]]


@dataclass(frozen=True, slots=True)
class Address:
    """Where to send."""

    value: str


def address(message: Message, asked: Asked | None = None) -> Address | Silence:
    """The recipient's address for the message's channel, or why there is none (R-03, R-04, R-05, R-07).

    `asked`: what was `ASKED` of the message, where its row was read with it.
    """
    if message.kind == Kind.WORDING_TRIAL:
        return _of_trial(message)
    if message.subject_kind in TO_NUMBERS:
        return _of_number(message)
    if message.staff is not None:
        usable = message.staff.is_active and message.staff.email
        return Address(message.staff.email) if usable else Silence("no_address")
    patient = message.patient
    if patient is None:
        return Silence("no_recipient")
    if patient.no_messages:
        return Silence("no_messages")
    found = asked or _asked(message)
    decision = found[0][0]
    if decision != MessagingConsent.Decision.GRANTED:
        return Silence("consent_revoked" if decision else "no_consent")
    contacts = [(value, refused or "") for _, value, refused in found if value is not None]
    for value, refused in contacts:
        if not refused:
            return Address(value)
    return Silence(contacts[0][1] if contacts else "no_address")


def _asked(message: Message) -> Asked:
    [[asked]] = prepared.fetch(
        f"SELECT {ASKED} FROM (SELECT %s::uuid AS patient_id, %s::uuid AS practice_id,"
        " %s::text AS channel, %s::text AS category) one",
        [message.patient_id, message.practice_id, message.channel, message.category],
    )
    return asked  # type: ignore[no-any-return]


def refused_for(*, practice_id: UUID, channel: str, value: str) -> str:
    """Why nothing may go to this address; blank when it may."""
    # As it was typed: a mailbox that asked for nothing is the same one in capitals.
    rows = Suppression.objects.filter(practice_id=practice_id, channel=channel, value__iexact=value)
    return rows.values_list("reason", flat=True).first() or ""


def _of_number(message: Message) -> Address | Silence:
    """The number that a text came from. What the law wants said to whoever opts out, and to whoever asks who
    writes, is said also to a number that wants nothing else (R-08, R-11).
    """
    if message.subject_kind == "reply":
        number = Inbound.objects.values_list("sender", flat=True).get(pk=message.subject_id)
    else:
        number = StaffReply.objects.values_list("thread__number", flat=True).get(pk=message.subject_id)
    if message.kind in (Kind.OPT_OUT_CONFIRMED, Kind.HELP):
        return Address(number)
    reason = unwanted(practice_id=message.practice_id, number=number, category=message.category)
    return Silence(reason) if reason else Address(number)


def unwanted(*, practice_id: UUID, number: str, category: str = "reminders") -> str:
    """Why nobody writes to this number; blank when somebody may: it has not opted out, and one of the
    patients who have it wants messages by SMS and did not ask for another address (R-04), or it is nobody's
    and wrote to us itself.
    """
    refused = suppressions.reasons(practice_id=practice_id, channel="sms", values=[number], category=category)
    if refused:
        return refused[number]
    have = ContactPoint.objects.filter(
        patient__practice_id=practice_id, channel="sms", value=number, is_active=True
    )
    people = dict(have.values_list("patient_id", "patient__no_messages"))
    if not people:
        return ""
    asked = patients.asked_addresses(patient_ids=list(people), category=category)
    here = {one: silent for one, silent in people.items() if number in asked.get(one, [number])}
    if not here:
        return "other_address_asked"
    usable = usable_channels(patient_ids=list(here), category=category)
    if any("sms" in usable[one] and not silent for one, silent in here.items()):
        return ""
    return "no_messages" if all(people.values()) else "no_consent"


def numbers_patients(*, practice_ids: Collection[UUID], number: str) -> QuerySet[Patient]:
    """The patients of these practices who have this telephone number."""
    return Patient.objects.filter(
        practice_id__in=practice_ids,
        contact_points__channel="sms",
        contact_points__value=number,
        contact_points__is_active=True,
    ).distinct()


def _of_trial(message: Message) -> Address | Silence:
    """Where somebody had a test sent: never to what has become a patient's address meanwhile."""
    value = Trial.objects.values_list("to", flat=True).get(
        practice_id=message.practice_id, pk=message.subject_id
    )
    if is_a_patients(practice_id=message.practice_id, channel=message.channel, value=value):
        return Silence("address_of_a_patient")
    reason = refused_for(practice_id=message.practice_id, channel=message.channel, value=value)
    return Silence(reason) if reason else Address(value)


def is_a_patients(*, practice_id: UUID, channel: str, value: str) -> bool:
    """Whether a patient of the practice has, or had, this address."""
    return ContactPoint.objects.filter(
        patient__practice_id=practice_id, channel=channel, value__iexact=value
    ).exists()


def usable_channels(*, patient_ids: Collection[UUID], category: str = CONSENT) -> dict[UUID, tuple[str, ...]]:
    """For each patient the channels with an address for this sort of message (R-04, R-05) and, last, a
    granted consent, preferred first; one query for any number of patients.
    """
    found = usable_by_sort(patient_ids=patient_ids, sorts=[category])
    return {one: found[one, category] for one in patient_ids}


def usable_by_sort(
    *, patient_ids: Collection[UUID], sorts: Collection[str] = SORTS
) -> dict[tuple[UUID, str], tuple[str, ...]]:
    """The same of several sorts of messages, by patient and sort; one query."""
    found: dict[tuple[UUID, str], set[str]] = defaultdict(set)
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT c.patient_id, sort.category, c.channel FROM patients_contactpoint c
            CROSS JOIN unnest(%(sorts)s::text[]) AS sort(category)
            WHERE c.patient_id = ANY(%(patients)s::uuid[]) AND c.channel = ANY(%(channels)s) AND c.is_active
              AND c.purpose = %(visits)s
              AND %(granted)s = (
                SELECT d.decision FROM patients_messagingconsent d
                WHERE d.patient_id = c.patient_id AND d.channel = c.channel AND d.category = %(general)s
                ORDER BY d.decided_at DESC, d.recorded_at DESC LIMIT 1
              )
              AND (sort.category = %(general)s OR %(revoked)s IS DISTINCT FROM (
                SELECT d.decision FROM patients_messagingconsent d
                WHERE d.patient_id = c.patient_id AND d.channel = c.channel AND d.category = sort.category
                ORDER BY d.decided_at DESC, d.recorded_at DESC LIMIT 1
              ))
              AND (c.value <> ALL ((
                SELECT r.addresses FROM patients_addressrequest r
                WHERE r.patient_id = c.patient_id AND sort.category = ANY (r.categories)
                ORDER BY r.decided_at DESC, r.recorded_at DESC LIMIT 1
              )::text[])) IS NOT TRUE
            """,
            {
                "sorts": list(sorts),
                "patients": list(patient_ids),
                "channels": list(PREFERENCE),
                "visits": Purpose.VISITS.value,
                "granted": MessagingConsent.Decision.GRANTED.value,
                "revoked": MessagingConsent.Decision.REVOKED.value,
                "general": CONSENT,
            },
        )
        for patient_id, category, channel in cursor.fetchall():
            found[patient_id, category].add(channel)
    return {
        (patient_id, category): tuple(one for one in PREFERENCE if one in found[patient_id, category])
        for patient_id in patient_ids
        for category in sorts
    }
