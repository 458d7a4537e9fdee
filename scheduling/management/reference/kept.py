"""retention.md: what is kept, for how long, what the law asks at least, and what removes it (R-21)."""

from typing import NamedTuple

from django.conf import settings

from clinic.practice import expired, idempotency
from notifications.wording import trials
from scheduling.management.reference.markdown import table

ALWAYS, LAW, TCPA = "always", "{months} months", "48 months"
NOTHING = "nothing"


class Kept(NamedTuple):
    """Tables whose rows are kept alike. `least`: what the law asks; `removes`: the task that does, as
    `setting` says."""

    what: str
    tables: tuple[str, ...]
    long: str
    least: str
    removes: str = NOTHING
    setting: str = ""


KEPT = (
    Kept(
        "Consents to messages, and where a patient asked to be written to, with who, when and what was said",
        ("patients.MessagingConsent", "patients.AddressRequest"),
        ALWAYS,
        f"{TCPA} (claims under the TCPA, 28 USC 1658) and {LAW} (45 CFR 164.530(j))",
    ),
    Kept(
        "Consents to treatment, eligibility, measures with each answer, sent or not, who takes them home",
        (
            "patients.TreatmentConsent",
            "patients.EligibilityDecision",
            "patients.Measure",
            "patients.MeasureForm",
            "patients.Escort",
        ),
        ALWAYS,
        f"{LAW}, and what the law of the place asks of a record",
    ),
    Kept(
        "Patients, their addresses, also those that are used no longer, and records that were merged",
        ("patients.Patient", "patients.ContactPoint", "patients.MergedPatient"),
        ALWAYS,
        "as a record",
    ),
    Kept(
        "Courses, visits, follow-ups, reviews, overrides, the waitlist and its offers, holds",
        (
            "scheduling.TreatmentCourse",
            "scheduling.CoursePhase",
            "scheduling.CourseReview",
            "scheduling.RuleOverride",
            "scheduling.GroupSession",
            "scheduling.Appointment",
            "scheduling.AppointmentPractitioner",
            "scheduling.ExternalVisit",
            "scheduling.FollowUpGap",
            "scheduling.WaitlistEntry",
            "scheduling.WaitlistOffer",
            "scheduling.PatientLink",
        ),
        ALWAYS,
        "as a record",
    ),
    Kept(
        "Messages with their words, each try and what the provider said; what patients texted, and answers",
        (
            "notifications.Message",
            "notifications.Attempt",
            "notifications.Thread",
            "notifications.Inbound",
            "notifications.StaffReply",
            "notifications.StaffAlert",
        ),
        ALWAYS,
        f"{LAW}; a part of the record (R-19)",
    ),
    Kept(
        "The trail: who did what. The database lets nobody change or delete a line",
        ("practice.TrailEntry",),
        ALWAYS,
        f"{LAW} (45 CFR 164.316(b)(2))",
    ),
    Kept(
        "The row history: what a row was before, or that is gone. Nobody can change or delete it",
        ("*Event", "pghistory.Context"),
        ALWAYS,
        f"{LAW}",
    ),
    Kept(
        "The log of reads: who was shown whose record. Until its time the database lets nobody delete a row",
        ("practice.PatientRead",),
        "72 months, unless told otherwise",
        f"{LAW} (45 CFR 164.316(b)(2))",
        "`scheduling.forget_reads`",
        "`manage.py keep_reads MONTHS`",
    ),
    Kept("Tasks of staff", ("practice.WorkItem",), ALWAYS, LAW),
    Kept("What was read in from files: when, by whom, how many rows", ("practice.ImportRun",), ALWAYS, LAW),
    Kept(
        "What receivers of events were told, once told or given up; the event itself stays in the trail",
        ("notifications.WebhookDelivery",),
        "{deliveries} days",
        "nothing",
        "`notifications.forget_deliveries`",
        "`WEBHOOK_DELIVERIES_KEPT_DAYS`",
    ),
    Kept(
        "Tests of a wording, with the address that was typed",
        ("notifications.Trial",),
        f"{trials.KEPT.days} days",
        "nothing",
        "`notifications.forget_trials`",
    ),
    Kept(
        "Idempotency keys: which request made what",
        ("practice.IdempotencyKey",),
        f"{idempotency.KEPT.total_seconds() / 3600:.0f} hours",
        "nothing",
        "`scheduling.forget_expired`",
    ),
    Kept(
        "Programs' tokens, as hashes, after they expired",
        ("oauth2_provider.AccessToken",),
        f"{expired.TOKENS_KEPT.days} day",
        "nothing",
        "`scheduling.forget_expired`",
    ),
    Kept("Sessions", ("sessions.Session",), "until they expire", "nothing", "`scheduling.forget_expired`"),
    Kept(
        "What a practice sets up: places, people, second factors, who stands in, shifts, absences, wordings, "
        "protocols, programs, webhooks, feeds",
        (
            "practice.Practice",
            "practice.Resource",
            "practice.Site",
            "practice.OpeningHours",
            "practice.Closure",
            "practice.Room",
            "practice.StaffMember",
            "practice.MailChoice",
            "practice.Delegation",
            "practice.IntegrationClient",
            "mfa.Authenticator",
            "scheduling.ProtocolTemplate",
            "scheduling.ProtocolVersion",
            "scheduling.Shift",
            "scheduling.ShiftBreak",
            "scheduling.Absence",
            "scheduling.CalendarFeed",
            "notifications.KindTerm",
            "notifications.Wording",
            "notifications.WebhookSubscription",
        ),
        "until somebody changes or removes it; what it was stays in the history and in the trail",
        "nothing",
        "people",
    ),
    Kept(
        "What says only how things stand: other systems' numbers, addresses not written to, places taken, "
        "what counts for which follow-up, work to be done, the beat of the workers",
        (
            "patients.ExternalIdentifier",
            "scheduling.AppointmentIdentifier",
            "scheduling.GapDose",
            "scheduling.GapVisit",
            "notifications.Suppression",
            "scheduling.Occupancy",
            "practice.RosterStamp",
            "notifications.Replan",
            "notifications.Pulse",
        ),
        "while it is true; that it changed stays in the trail",
        "nothing",
        "what made it",
    ),
)
# Tables of libraries of which no row is written here.
UNUSED = (
    *("auth.Permission", "auth.Group", "contenttypes.ContentType"),
    *("oauth2_provider.Grant", "oauth2_provider.RefreshToken", "oauth2_provider.IDToken"),
    *("oauth2_provider.DeviceGrant", "account.EmailAddress", "account.EmailConfirmation"),
)


def page() -> str:
    return "".join(
        [
            "# What is kept, and for how long\n\n",
            "> This is not legal advice. The least is what US federal law asks, as we read it (R-21); the\n",
            "> law of a state, of another country, or about minors, may ask for more.\n\n",
            "**Nothing** removes what is kept always: there is no command and no task for it. What is\n",
            "removed is removed a few rows a transaction, the oldest first, and never one that is younger:\n",
            "a process that dies in between harms nothing. `LAW_RECORDS_KEPT_MONTHS` is the least that the\n",
            "law asks where you are. What is kept shorter is refused: by the command that sets it, by\n",
            "`migrate`, and by `check --deploy --database default`.\n\n",
            table(
                ("What", "Kept", "The law asks at least", "Removed by", "Set by"),
                [(one.what, _filled(one.long), _filled(one.least), one.removes, one.setting) for one in KEPT],
            ),
        ]
    )


def _filled(text: str) -> str:
    return text.replace("{months}", str(settings.LAW_RECORDS_KEPT_MONTHS)).replace(
        "{deliveries}", str(settings.WEBHOOK_DELIVERIES_KEPT_DAYS)
    )
