"""settings.md: the environment that the product reads, and what a practice can set for itself."""

import ast
import dataclasses
import sys
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from clinic.practice import practice_settings
from notifications.planning import policy
from scheduling.booking.wanted.holding import HoldLimits
from scheduling.followups import escalation, owners
from scheduling.followups.rules import SeverityHours
from scheduling.management.reference.markdown import table
from scheduling.planning.values import Weights

# A variable that the settings read and this table does not know stops the writing.
VARIABLES = {
    "SECRET_KEY": "Signs sessions, proposals and cursors, and seals the secrets of webhooks and of "
    "second factors. At least 50 "
    "random characters, or the process refuses to start.",
    "SECRET_KEY_FALLBACKS": "Former keys, comma-separated, that still verify what they signed and open "
    "what they sealed.",
    "PUBLIC_URL": "The address that people use. Plain http is accepted for this machine only; https "
    "switches on secure "
    "cookies, HSTS and the redirect.",
    "ALLOWED_HOSTS": "More host names, comma-separated, beside the one of PUBLIC_URL.",
    "BEHIND_PROXY": "`true` when a proxy ends TLS and sets X-Forwarded-Proto itself.",
    "DATABASE_URL": "`postgresql://user:password@host:port/name`; `?host=/folder` for a Unix socket.",
    "CONN_MAX_AGE": "Seconds that a connection to the database is kept.",
    "REDIS_URL": "The broker. Booking and reading work while it is away.",
    "SMTP_URL": "`smtp://user:password@host:port`, `smtps://` for implicit TLS, `?tls=true` for STARTTLS.",
    "DEFAULT_FROM_EMAIL": "The sender of e-mails.",
    "BOUNCE_ADDRESS": "Where bounces go: `bounces@mail.example.org` makes the return path of each message "
    "`bounces+…@mail.example.org`. Without it nobody reads bounces.",
    "BOUNCE_TOKEN": "The bearer token of whoever brings bounces to `/hooks/bounces/`. Without it nobody may.",
    "SMS_PROVIDER": "Who takes text messages: `twilio`, `telnyx`, or `console`, which writes them where the "
    "worker writes, for development.",
    "EMAIL_PROVIDER": "Who takes e-mail: `smtp`, or `console`.",
    "MESSAGE_BAA_SIGNED": "The providers with whom there is a business associate agreement (R-16), "
    "comma-separated: `twilio,smtp`. Where PUBLIC_URL is https nothing is sent by any other that is not on "
    "this machine, and no worker starts.",
    "SMS_ASKS_FOR_REPLIES": "`true` lets reminders of one visit ask for a `C` in reply: once the provider "
    "brings what patients answer to `/hooks/`.",
    "SMS_PROVIDER_ANSWERS_STOP": "Whether the SMS provider itself answers STOP, START and HELP, as Twilio "
    "and Telnyx do unless they are told not to. `false`: we answer, in the practice's name.",
    "TWILIO_API_BASE": "Where the SMS provider's HTTP API is.",
    "TWILIO_ACCOUNT_SID": "The account. Without it no SMS is sent: a message says `no_provider`.",
    "TWILIO_AUTH_TOKEN": "The account's secret.",
    "TWILIO_FROM": "The number that texts come from, or the id (`MG…`) of a messaging service that "
    "chooses one.",
    "TELNYX_API_BASE": "Where Telnyx's HTTP API is.",
    "TELNYX_API_KEY": "The key of the account at Telnyx.",
    "TELNYX_PUBLIC_KEY": "The account's public key, in base64: what Telnyx reports is signed with its other "
    "half.",
    "TELNYX_FROM": "The number that texts come from, at Telnyx.",
    "PROVIDER_CONNECT_SECONDS": "How long a provider may take to accept a connection.",
    "PROVIDER_READ_SECONDS": "How long a provider may take for each part of its answer. Past it the message "
    "is in doubt.",
    "MESSAGE_LEASE_SECONDS": "How long a message belongs to one worker. After it, what had not begun begins "
    "anew, and what was being handed over is in doubt.",
    "MESSAGE_CALL_SECONDS": "What must be left of that when the call to a provider begins. More than both "
    "times above together, less than the lease, at most 45, or the process refuses to start. A mail server "
    "that has not taken a message by then is not waited for any longer.",
    "MESSAGE_PAUSE_SECONDS": "How far apart one process begins two messages, at least: what became due "
    "while no worker ran does not fall on the provider at once.",
    "MESSAGE_TICK_SECONDS": "How often messages that are due are looked for.",
    "REPLY_RETRY_SECONDS": "How long a patient's text that was kept may wait for what it asks of a visit "
    "before the sweep does it again; each further try waits twice as long.",
    "RECOVERY_TICK_SECONDS": "How often it is looked for what dead processes left behind, and providers are "
    "asked about messages in doubt.",
    "DOUBT_ASKED_SECONDS": "How long a provider is asked about a message in doubt.",
    "STAFF_ALERT_PAUSE_SECONDS": "Between two e-mails that tell one member of staff what has become urgent; "
    "an answer about self-harm does not wait for it.",
    "SILENCE_ALARM_SECONDS": "How long no worker may have been heard of before that is an alarm.",
    "CRASH_POINTS": "For tests of this code alone: a folder in which processes are told where to stop. "
    "Without effect where PUBLIC_URL is https.",
    "MESSAGE_GRACE_SECONDS": "How long a message waits after a change, so that a change and its undo "
    "send nothing.",
    "LAW_REVOKE_ALL_FROM": "The day from which whoever opts out of one sort of message has opted out of all "
    "(R-09). Regulators have put it off before.",
    "LAW_RECORDS_KEPT_MONTHS": "The least for which the law where you are has records of who did what kept "
    "(R-21; HIPAA: six years). Whoever keeps them shorter fails the deploy check.",
    "WEBHOOKS_TO_INNER_ADDRESSES": "`true` lets webhooks go by http and to addresses of this machine and "
    "network: for development. Without effect where PUBLIC_URL is https.",
    "WEBHOOK_DELIVERIES_KEPT_DAYS": "How long it is kept what a receiver of events was told, after it was "
    "told or given up.",
    "PROPOSAL_MAX_AGE_SECONDS": "How long a proposal can be booked.",
    "LOCK_TIMEOUT_MS": "How long a booking waits for a lock before it says `busy`.",
    "STATEMENT_TIMEOUT_MS": "How long one statement of a booking may take.",
    "LIMIT_PROGRAM": "Requests of one program to the API: `6000/60` is 6,000 in 60 seconds, `off` counts "
    "nothing. Not counted while Redis is away.",
    "LIMIT_STAFF": "Pages of one person. Not counted while Redis is away.",
    "LIMIT_TOKEN": "Requests for an access token from one address. Not counted while Redis is away: a "
    "program's secret cannot be guessed.",
    "LIMIT_SIGN_IN_ADDRESS": "Wrong passwords from one address, whoever it names. Nobody signs in while "
    "Redis is away.",
    "LIMIT_SIGN_IN_HERE": "Wrong passwords for one username from one address.",
    "LIMIT_SIGN_IN_NAME": "Wrong passwords for one username from everywhere.",
    "LIMIT_SECOND_FACTOR": "Wrong second factors of one person.",
    "LIMIT_LINK": "Requests to patients' pages from one address. Not counted while Redis is away.",
    "LIMIT_LINK_AGAIN": "New links asked for from one address. Not counted while Redis is away; a visit's "
    "link is sent three times a day at most all the same.",
    "STATIC_ROOT": "Where `collectstatic` puts the static files.",
    "STATIC_MANIFEST": "`false` serves static files without `collectstatic`: for development.",
    "METRICS_TOKEN": "The bearer token that `/metrics` asks for. Without it `/metrics` answers "
    "where PUBLIC_URL is plain http, on this machine, and nobody where it is https.",
    "LOG_LEVEL": "The lowest level that is logged.",
}
SHOWN_DEFAULTS = {
    "STATIC_ROOT": "`staticfiles` in the checkout",
    "DEFAULT_FROM_EMAIL": "`visits@` the host of PUBLIC_URL",
}
REQUIRED = "required"
ELSEWHERE = (
    (
        "PROMETHEUS_MULTIPROC_DIR",
        "none",
        "A folder, new at each start, in which the web's worker processes share their counts.",
    ),
    ("PORT", "`8000`", "`./dev demo` and docker compose: the port of the web process."),
    ("DATA_DIR", "`.data`", "`./dev demo` and `./dev manage`: where the demo keeps its data."),
    (
        "RUNTIME_PASSWORD",
        "none",
        "`grant_runtime --create`: the password that it gives the role of web and workers.",
    ),
    ("PYTHON", "the first that fits", "`./dev`: the Python to make `.venv` with."),
)
WEIGHT_WORDS = {
    "spacing_day": "a day off the phase's ideal spacing",
    "window_hour": "a started hour of a follow-up outside the ideal band of its window",
    "therapist_change": "another therapist than at the follow-up before",
    "weekday_change": "another weekday than the dose before",
    "hour_change": "an hour of the clock away from the dose before",
    "preference": "a wish of the patient that a visit does not meet",
    "finish_day": "a day by which the last dose is later than the earliest possible",
}
HOUR_WORDS = {
    "closing": "`high` when the window closes within so many hours",
    "dose": "`moderate` when the dose starts within so many hours",
}

HOLD_WORDS = {
    "minutes": "how long a hold lasts when nobody says",
    "most_minutes": "the longest that anybody may hold",
    "per_actor": "live holds that one member of staff or one program may have at a time",
    "per_practice": "live holds that the whole practice may have at a time",
    "offer_minutes": "how long an offer to somebody on the waitlist stands when nobody says",
}

MESSAGES = (
    (
        "`messages.per_day`",
        "`null`",
        "How many messages a patient gets at most in a day by one channel. The last reminder of a dose "
        "is never held back.",
    ),
    ("`messages.per_week`", "`null`", "The same in any seven days."),
    (
        "`messages.channels`",
        "SMS first; preparation by e-mail",
        "Which channels patients are written to by, the first one first.",
    ),
    (
        "`messages.merge_visits`",
        "`true`",
        "Whether one text tells of several visits of a day; `false` reminds of each by itself.",
    ),
)
FOLLOW_UPS = [
    (
        "`follow_ups.owner`",
        f"`{owners.THERAPIST}`",
        "Whose a unit is that needs somebody and that nobody has taken; where it is nobody, the front "
        "desk's.",
    ),
    (
        "`follow_ups.escalate_hours`",
        f"`{escalation.DEFAULT_HOURS}`",
        "When an unsettled unit goes to the clinical lead: hours after its window closes, before it if "
        "negative.",
    ),
    (
        "`follow_ups.self_booking`",
        "`true`",
        "Whether patients choose the time of a missing follow-up themselves, by a link; if not, messages ask "
        "them to call.",
    ),
]


def page() -> str:
    return "".join(
        [
            "# Settings\n\n## Of the installation\n\n",
            "Everything is read from the environment once, when a process starts. A missing or unsafe "
            "value refuses to\n",
            "start, in one line.\n\n",
            table(("Variable", "Default", "Meaning"), _variables()),
            "\nRead elsewhere:\n\n",
            table(
                ("Variable", "Default", "Meaning"),
                [(f"`{name}`", value, told) for name, value, told in ELSEWHERE],
            ),
            "\nThe demo sets what it needs itself; what the environment gives wins.\n\n",
            *_practice(),
            "Figures of treatment (spacing, caps, windows, staff) are in [the "
            "protocols](protocols.md), not here.\n",
        ]
    )


def _variables() -> list[tuple[str, str, str]]:
    return [(f"`{name}`", SHOWN_DEFAULTS.get(name, default), VARIABLES[name]) for name, default in _read()]


def _read() -> Iterator[tuple[str, str]]:
    """Each `env.KIND(NAME, default)` of the settings, in their order."""
    source = Path(str(sys.modules[settings.SETTINGS_MODULE].__file__))
    found = [
        node for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)
    ]
    for call in sorted(found, key=lambda node: node.lineno):
        asked = call.func.value if isinstance(call.func, ast.Attribute) else None
        if isinstance(asked, ast.Name) and asked.id == "env":
            name = str(ast.literal_eval(call.args[0]))
            yield name, _default(call, call.args[1:])


def _default(call: ast.Call, rest: list[ast.expr]) -> str:
    if not rest:
        return "none" if ast.unparse(call.func) == "env.words" else REQUIRED
    if not isinstance(rest[0], ast.Constant):
        return "computed"
    value = rest[0].value
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    return f"`{value!s}`" if value != "" else "none"


def _practice() -> list[str]:
    weights = [
        (
            f"`planner_weights.{field.name}`",
            f"`{field.default}`",
            f"What it costs: {WEIGHT_WORDS[field.name]}.",
        )
        for field in dataclasses.fields(Weights)
    ]
    hours = [
        (f"`severity_hours.{field.name}`", f"`{field.default}`", f"{HOUR_WORDS[field.name]}.".capitalize())
        for field in dataclasses.fields(SeverityHours)
    ]
    holds = [
        (f"`holds.{field.name}`", f"`{field.default}`", f"{HOLD_WORDS[field.name]}.".capitalize())
        for field in dataclasses.fields(HoldLimits)
    ]
    window = policy.SendWindow()
    shown = f'`["{window.opens:%H:%M}", "{window.closes:%H:%M}"]`'
    exemption = policy.EXEMPTION
    others = [
        (
            "`messages.send_window`",
            shown,
            "When patients may be messaged, by the clock where they are (R-10).",
        ),
        (
            "`security.mfa_required`",
            "`none`",
            "Who needs a second factor: nobody, administrators, everybody. Who lacks one sees nothing else "
            "until they have it.",
        ),
        (
            "`messages.relies_on_exemption`",
            "`false`",
            f"`true` caps messages at {exemption.per_day} a day and {exemption.per_week} in seven (R-06).",
        ),
        ("`region`", "`US`", "The country whose phone numbers may be written without a country code."),
    ]
    allowed = practice_settings.allowed()
    rows = [
        (name, default, allowed[name.strip("`")], told)
        for name, default, told in [*weights, *hours, *holds, *FOLLOW_UPS, *MESSAGES, *others]
    ]
    return [
        "## Of a practice\n\n",
        "In `settings` of the practice (`PATCH /api/v1/practices/{id}/`). All are judgement; none is a "
        "medical\n",
        "recommendation. What is not set keeps its default; what is unknown or not allowed is refused.\n\n",
        table(("Setting", "Default", "Allowed", "Meaning"), rows),
        "\nThe cost of a plan is the sum of its terms; [the planner](../explanation/planner.md) says "
        "what each counts.\n\n",
    ]
