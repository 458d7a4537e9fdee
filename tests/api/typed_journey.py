"""The main job and the repairs, written against the client that a generator makes of the OpenAPI document.

It is read by the type checker and run as a program of its own, with nothing of the product in it:
`python typed_journey.py URL HOST CLIENT_ID CLIENT_SECRET`.
"""

import io
import sys
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar
from uuid import UUID, uuid4

import httpx
from clinic_client import AuthenticatedClient
from clinic_client.api.appointments import (
    appointments_book,
    appointments_cancel,
    appointments_check_in,
    appointments_complete,
    appointments_create,
    appointments_discharge,
    appointments_end_administration,
    appointments_list,
    appointments_move,
    appointments_pin,
    appointments_reinstate,
    appointments_start,
    appointments_swap,
    appointments_unpin,
)
from clinic_client.api.calendar import calendar_feeds_create, calendar_feeds_revoke
from clinic_client.api.courses import (
    courses_adopt,
    courses_cancel,
    courses_create,
    courses_hold,
    courses_hold_release,
    courses_pause,
    courses_propose,
    courses_replan,
    courses_resume,
    courses_retrieve,
)
from clinic_client.api.gaps import gaps_attest, gaps_list, gaps_snooze, gaps_waive
from clinic_client.api.imports import imports_patients
from clinic_client.api.patients import (
    patients_change,
    patients_consents_create,
    patients_create,
    patients_duplicates,
    patients_eligibility_create,
    patients_merge,
    patients_retrieve,
)
from clinic_client.api.practitioners import practitioners_list, practitioners_reassign
from clinic_client.api.protocols import protocols_list
from clinic_client.api.roster import roster_retrieve
from clinic_client.api.sites import sites_list
from clinic_client.api.waitlist import waitlist_create, waitlist_fits, waitlist_offer
from clinic_client.api.webhooks import webhooks_create, webhooks_delete
from clinic_client.models import (
    ActMode,
    AdoptRequest,
    Appointment,
    AppointmentKind,
    AppointmentRequest,
    AppointmentStatus,
    AttestRequest,
    CancelReason,
    CancelRequest,
    ConsentNewRequest,
    CourseCancelRequest,
    CourseRequest,
    CourseStatus,
    EligibilityDecision,
    EligibilityNewRequest,
    EventType,
    FeedRequest,
    FeedShows,
    GapStatus,
    GivenRequest,
    HoldRequest,
    ImportsPatientsFilesBody,
    ImportsPatientsMode,
    MergeRequest,
    Mode,
    MoveRequest,
    OfferRequest,
    OverrideRequest,
    PatchedPatientNewRequest,
    PatientNewRequest,
    PauseRequest,
    Problem,
    ProposeRequest,
    ReasonRequest,
    ReassignRequest,
    ReinstateRequest,
    ReplanRequest,
    SnoozeRequest,
    SwapRequest,
    TransitionRequest,
    WaitlistNewRequest,
    WebhookRequest,
    WholeCourse,
)
from clinic_client.types import File, Response

T = TypeVar("T")
NOW = datetime.now(UTC)
DAY = timedelta(days=1)
PROTOCOL = "iv_ketamine_2x_3wk_cbt"


def got(answer: Response[T | Problem]) -> T:
    """What was asked for; a refusal ends the program."""
    assert answer.parsed is not None, answer.content
    assert not isinstance(answer.parsed, Problem), answer.parsed.to_dict()
    return answer.parsed


def refused(answer: Response[T | Problem]) -> Problem:
    assert isinstance(answer.parsed, Problem), answer.content
    return answer.parsed


def key() -> str:
    return uuid4().hex


def enter(url: str, host: str, client_id: str, secret: str) -> AuthenticatedClient:
    form = {"grant_type": "client_credentials", "client_id": client_id, "client_secret": secret}
    answer = httpx.post(f"{url}/oauth/token/", data=form, headers={"Host": host}, timeout=60)
    token = str(answer.raise_for_status().json()["access_token"])
    return AuthenticatedClient(
        base_url=url,
        token=token,
        headers={"Host": host},
        timeout=httpx.Timeout(60),
        raise_on_unexpected_status=True,
    )


def someone(client: AuthenticatedClient, site: UUID, family_name: str) -> UUID:
    """A patient who may be treated."""
    body = PatientNewRequest("Typed", family_name, date(1984, 2, 29), site, phone="+12025550143")
    made = got(patients_create.sync_detailed(client=client, body=body, idempotency_key=key()))
    version = got(protocols_list.sync_detailed(client=client, key=PROTOCOL)).results[0].version
    consent = ConsentNewRequest(PROTOCOL, version)
    got(patients_consents_create.sync_detailed(made.id, client=client, body=consent))
    eligible = EligibilityNewRequest(PROTOCOL, EligibilityDecision.ELIGIBLE)
    got(patients_eligibility_create.sync_detailed(made.id, client=client, body=eligible))
    return made.id


def proposal(client: AuthenticatedClient, patient: UUID, weeks: int) -> str:
    ask = ProposeRequest(patient, PROTOCOL, (NOW + weeks * 7 * DAY).date())
    return got(courses_propose.sync_detailed(client=client, body=ask)).proposals[0].token


def course(client: AuthenticatedClient, course_id: UUID) -> WholeCourse:
    return got(courses_retrieve.sync_detailed(course_id, client=client))


def visit(whole: WholeCourse, ref: str) -> Appointment:
    return next(one for one in whole.visits if one.ref == ref)


def main_job(client: AuthenticatedClient, site: UUID, patient: UUID) -> WholeCourse:
    """A course is proposed, booked once however often it is sent, and read."""
    body = CourseRequest(proposal=proposal(client, patient, 2))
    once = key()
    sent = [courses_create.sync_detailed(client=client, body=body, idempotency_key=once) for _ in range(2)]
    first, again = (got(one) for one in sent)
    assert first.id == again.id and first.status is CourseStatus.ACTIVE
    assert len([one for one in first.visits if one.kind is AppointmentKind.DOSING]) == 6
    taken = courses_create.sync_detailed(client=client, body=body, idempotency_key=key())
    assert refused(taken).code == "slot_taken"
    listed = got(gaps_list.sync_detailed(client=client, course=first.id))
    assert {one.status for one in listed.results} == {GapStatus.COVERED}
    dose = visit(first, "dose-1")
    day = got(roster_retrieve.sync_detailed(client=client, site=site, day=dose.start.date()))
    assert dose.id in {line.id for line in day.visits}
    booked = got(appointments_list.sync_detailed(client=client, course=first.id, limit=200))
    assert [one.id for one in booked.results] == [one.id for one in first.visits]
    return first


def moves(client: AuthenticatedClient, whole: WholeCourse) -> None:
    """A dose is moved as the preview showed it; two visits change places; one is pinned."""
    dose = visit(whole, "dose-6")
    ask = MoveRequest(ActMode.PREVIEW, start=dose.start + timedelta(minutes=15))
    seen = got(appointments_move.sync_detailed(dose.id, client=client, body=ask))
    assert seen.applicable and seen.token
    done = got(
        appointments_move.sync_detailed(
            dose.id,
            client=client,
            body=MoveRequest(ActMode.APPLY, preview_token=seen.token),
            idempotency_key=key(),
            if_match=f'"{dose.version}"',
        )
    )
    assert [(one.id, one.after) for one in done.moves] == [(one.id, one.after) for one in seen.moves]
    first, second = visit(whole, "therapy-3"), visit(whole, "therapy-4")
    swap = SwapRequest(second.id, ActMode.PREVIEW, cascade=False)
    shown = got(appointments_swap.sync_detailed(first.id, client=client, body=swap))
    assert shown.token
    swap = SwapRequest(second.id, ActMode.APPLY, preview_token=shown.token)
    swapped = got(appointments_swap.sync_detailed(first.id, client=client, body=swap, idempotency_key=key()))
    assert {one.id for one in swapped.moves} == {first.id, second.id}
    assert got(appointments_pin.sync_detailed(first.id, client=client)).pinned_at is not None
    assert got(appointments_unpin.sync_detailed(first.id, client=client)).pinned_at is None
    stale = appointments_move.sync_detailed(dose.id, client=client, body=ask, if_match=f'"{dose.version}"')
    assert refused(stale).code == "stale"


def repairs(client: AuthenticatedClient, whole: WholeCourse) -> None:
    """A visit is called off and comes back; a gap is put off and waived; the course rests and goes on."""
    last = visit(course(client, whole.id), "therapy-4")
    why = CancelRequest(reason_code=CancelReason.PATIENT_UNWELL)
    gone = got(appointments_cancel.sync_detailed(last.id, client=client, body=why, idempotency_key=key()))
    assert (gone.status, gone.cancel_reason_code) == (AppointmentStatus.CANCELLED, "patient_unwell")
    back = ReinstateRequest("She is well again.")
    again = got(appointments_reinstate.sync_detailed(last.id, client=client, body=back))
    assert (again.status, again.start) == (AppointmentStatus.BOOKED, last.start)
    gap = course(client, whole.id).gaps[-1]
    snoozed = got(gaps_snooze.sync_detailed(gap.id, client=client, body=SnoozeRequest(NOW + DAY)))
    assert snoozed.snoozed_until is not None
    waived = got(gaps_waive.sync_detailed(gap.id, client=client, body=ReasonRequest("Seen elsewhere.")))
    assert waived.status is GapStatus.WAIVED
    got(courses_pause.sync_detailed(whole.id, client=client, body=PauseRequest("A journey.")))
    assert got(courses_resume.sync_detailed(whole.id, client=client)).status is CourseStatus.ACTIVE
    planned = ReplanRequest(ActMode.APPLY)
    assert got(courses_replan.sync_detailed(whole.id, client=client, body=planned)).mode is ActMode.APPLY
    stopped = CourseCancelRequest(reason_code=CancelReason.PATIENT_ASKED)
    ended = got(courses_cancel.sync_detailed(whole.id, client=client, body=stopped))
    assert ended.status is CourseStatus.STOPPED


def a_day(client: AuthenticatedClient, whole: WholeCourse) -> None:
    """A dose from the door to the door; leaving early is excused by name."""
    dose = visit(whole, "dose-1")
    for step in (appointments_check_in, appointments_start, appointments_end_administration):
        assert got(step.sync_detailed(dose.id, client=client, body=TransitionRequest())).id == dose.id
    early = refused(appointments_discharge.sync_detailed(dose.id, client=client))
    assert early.code == "rule_violation"
    excuse = TransitionRequest(overrides=[OverrideRequest("S-09", "Taken to hospital.")])
    left = got(appointments_discharge.sync_detailed(dose.id, client=client, body=excuse))
    assert left.status is AppointmentStatus.FULFILLED
    assert [one.name for one in left.facts] == ["arrived", "started", "administration_ended", "discharged"]


def holds(client: AuthenticatedClient, patient: UUID) -> WholeCourse:
    """A course is reserved and booked; another is reserved and given back."""
    asked = HoldRequest(proposal(client, patient, 9), minutes=5)
    held = got(courses_hold.sync_detailed(client=client, body=asked, idempotency_key=key()))
    assert held.hold_expires_at is not None
    kept = CourseRequest(hold=held.id)
    booked = got(courses_create.sync_detailed(client=client, body=kept, idempotency_key=key()))
    assert (booked.id, booked.status, booked.hold_expires_at) == (held.id, CourseStatus.ACTIVE, None)
    asked = HoldRequest(proposal(client, patient, 20))
    other = got(courses_hold.sync_detailed(client=client, body=asked, idempotency_key=key()))
    got(courses_hold_release.sync_detailed(other.id, client=client))
    return booked


def visits(client: AuthenticatedClient, patient: UUID) -> None:
    """One that was not entered then; one that is only held, and booked."""
    past = (NOW - 3 * DAY).replace(microsecond=0)
    late = AppointmentRequest(patient, AppointmentKind.SCREENING, past, late_entry_reason="Not entered then.")
    seen = got(appointments_create.sync_detailed(client=client, body=late, idempotency_key=key()))
    for minutes, step in ((0, appointments_check_in), (45, appointments_complete)):
        at = TransitionRequest(at=past + timedelta(minutes=minutes))
        last = got(step.sync_detailed(seen.id, client=client, body=at))
    assert last.status is AppointmentStatus.FULFILLED
    soon = NOW + (7 - NOW.weekday() + 50 * 7) * DAY
    start = soon.replace(hour=16, minute=0, second=0, microsecond=0)
    ask = AppointmentRequest(patient, AppointmentKind.THERAPY, start, mode=Mode.VIDEO, hold_minutes=5)
    held = got(appointments_create.sync_detailed(client=client, body=ask, idempotency_key=key()))
    assert held.status is AppointmentStatus.HELD
    assert got(appointments_book.sync_detailed(held.id, client=client)).status is AppointmentStatus.BOOKED


def sick(client: AuthenticatedClient, whole: WholeCourse) -> None:
    """Somebody falls out for a week: their visits go to others, as the preview says."""
    people = got(practitioners_list.sync_detailed(client=client)).results
    therapist = next(one for one in people if "therapist" in one.roles)
    first = min(one.start for one in whole.visits)
    span = ReassignRequest(ActMode.PREVIEW, first, first + 7 * DAY)
    told = got(practitioners_reassign.sync_detailed(therapist.id, client=client, body=span))
    assert {one.outcome for one in told.outcomes} <= {"reassigned", "needs_move", "left"}


def adopted(client: AuthenticatedClient, patient: UUID) -> None:
    """A course begun elsewhere: the dose given is on file, and an outside visit closes its gap."""
    given = [GivenRequest((NOW - 9 * DAY).replace(microsecond=0))]
    body = AdoptRequest(given, reason="Begun at the hospital.", patient=patient, protocol=PROTOCOL)
    whole = got(courses_adopt.sync_detailed(client=client, body=body, idempotency_key=key()))
    assert [one.status for one in whole.visits] == [AppointmentStatus.FULFILLED]
    outside = AttestRequest(attended_on=(NOW - 8 * DAY).date(), provider="Somebody outside")
    closed = got(gaps_attest.sync_detailed(whole.gaps[0].id, client=client, body=outside))
    assert closed.status is GapStatus.CLOSED


def people(client: AuthenticatedClient, patient: UUID) -> None:
    """Changed under a condition, read in from a file, found twice, merged."""
    found = patients_retrieve.sync_detailed(patient, client=client)
    change = PatchedPatientNewRequest(given_name="Type")
    changed = patients_change.sync_detailed(
        patient, client=client, body=change, if_match=found.headers["ETag"]
    )
    assert got(changed).given_name == "Type"
    old = patients_change.sync_detailed(patient, client=client, body=change, if_match=found.headers["ETag"])
    assert refused(old).code == "stale"
    rows = "external_system,external_value,given_name,family_name,birth_date\nehr,1,Type,Main,1984-02-29\n"
    file = ImportsPatientsFilesBody(File(io.BytesIO(rows.encode()), "people.csv", "text/csv"))
    for mode, is_done in ((ImportsPatientsMode.DRY_RUN, False), (ImportsPatientsMode.APPLY, True)):
        file.file.payload.seek(0)
        report = got(imports_patients.sync_detailed(client=client, body=file, mode=mode))
        assert (report.applied, report.counts.created) == (is_done, 1), report.to_dict()
    twice = report.results[0].id
    assert twice is not None
    pairs = got(patients_duplicates.sync_detailed(client=client)).pairs
    assert {patient, twice} in [{one.id for one in pair.patients} for pair in pairs]
    merge = MergeRequest(twice, "The same person.")
    assert got(patients_merge.sync_detailed(patient, client=client, body=merge)).id == patient
    gone = refused(patients_retrieve.sync_detailed(twice, client=client))
    assert (gone.code, gone.merged_into) == ("merged", patient)


def others(client: AuthenticatedClient, site: UUID, patient: UUID) -> None:
    """Whoever waits is offered a place; programs and calendars are told."""
    wish = WaitlistNewRequest(NOW, NOW + 400 * DAY, patient, AppointmentKind.THERAPY, mode=Mode.VIDEO)
    waiting = got(waitlist_create.sync_detailed(client=client, body=wish, idempotency_key=key()))
    start = (NOW + (7 - NOW.weekday() + 49 * 7) * DAY).replace(hour=15, minute=0, second=0, microsecond=0)
    got(waitlist_fits.sync_detailed(client=client, site=site, start=start, end=start + timedelta(hours=1)))
    offered = got(waitlist_offer.sync_detailed(waiting.id, client=client, body=OfferRequest(start)))
    assert offered.offer is not None and offered.offer.start == start
    hook = WebhookRequest("https://hooks.example.org/in", [EventType.COURSE_BOOKED])
    subscribed = got(webhooks_create.sync_detailed(client=client, body=hook, idempotency_key=key()))
    assert webhooks_delete.sync_detailed(subscribed.id, client=client).status_code == 204
    feed = FeedRequest(FeedShows.SITE, site)
    address = got(calendar_feeds_create.sync_detailed(client=client, body=feed, idempotency_key=key()))
    assert address.url and address.url.endswith(".ics")
    assert calendar_feeds_revoke.sync_detailed(address.id, client=client).status_code == 204


def main() -> None:
    client = enter(*sys.argv[1:5])
    with client:
        site = got(sites_list.sync_detailed(client=client)).results[0].id
        first, second, third = (someone(client, site, name) for name in ("Main", "Hold", "Adopt"))
        whole = main_job(client, site, first)
        moves(client, whole)
        repairs(client, whole)
        sick(client, holds(client, second))
        a_day(
            client,
            got(
                courses_create.sync_detailed(
                    client=client,
                    body=CourseRequest(proposal=proposal(client, third, 2)),
                    idempotency_key=key(),
                )
            ),
        )
        adopted(client, someone(client, site, "Elsewhere"))
        visits(client, second)
        people(client, first)
        others(client, site, second)
    print("done")


if __name__ == "__main__":
    main()
