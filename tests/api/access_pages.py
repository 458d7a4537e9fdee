"""Who is shown what at every page, and what is open to everybody: written by hand, as in `access`."""

from dataclasses import dataclass

ROLES = ("front_desk", "therapist", "prescriber", "practice_admin")
ALL = dict.fromkeys(ROLES, 200)
LED_ON = dict.fromkeys(ROLES, 302)
DONE = dict.fromkeys(ROLES, 303)
REFUSED = dict.fromkeys(ROLES, 422)
NOWHERE = dict.fromkeys(ROLES, 404)
ADMINS = {"front_desk": 403, "therapist": 403, "prescriber": 403, "practice_admin": 200}
WAIVERS = {"front_desk": 403, "therapist": 303, "prescriber": 303, "practice_admin": 403}
WRITERS = {"front_desk": 403, "therapist": 403, "prescriber": 403, "practice_admin": 422}
REVIEWERS = {"front_desk": 403, "therapist": 403, "prescriber": 303, "practice_admin": 403}
UNSETTLED = dict.fromkeys(ROLES, 409)
REVIEW = {"decision": "continue", "reason": "Responds well"}
LIFTERS = {"front_desk": 403, "therapist": 403, "prescriber": 403, "practice_admin": 303}
SHIFTERS = {**WRITERS, "front_desk": 422}
DRAWERS = {"front_desk": 403, "therapist": 403, "prescriber": 200, "practice_admin": 200}
OFFERERS = {"front_desk": 403, "therapist": 403, "prescriber": 303, "practice_admin": 303}


WHICH = "<slug:kind>/<slug:language>/<slug:channel>"
# What words in an address stand for, where they name no row.
WORDS = {WHICH: "reminder_24h/en/sms"}


@dataclass(frozen=True)
class Page:
    """One method of one page: what each role is answered. `verb` fills the address, `form` is what is
    sent.
    """

    method: str
    route: str
    kind: str
    roles: dict[str, int]
    verb: str = ""
    form: dict[str, str] | None = None


PAGES: list[Page] = [
    Page("GET", "", "", LED_ON),
    Page("GET", "overview/", "", ALL),
    Page("GET", "patients/", "", ALL),
    Page("GET", "patients/<uuid:patient_id>/", "patients", ALL),
    Page("POST", "patients/<uuid:patient_id>/<slug:verb>/", "patients", REFUSED, "add", {}),
    Page("POST", "patients/<uuid:patient_id>/<slug:verb>/", "patients", REFUSED, "remove", {}),
    Page("POST", "patients/<uuid:patient_id>/<slug:verb>/", "patients", REFUSED, "ask", {}),
    Page("POST", "patients/<uuid:patient_id>/<slug:verb>/", "patients", REFUSED, "anywhere", {}),
    Page("POST", "patients/<uuid:patient_id>/<slug:verb>/", "patients", REFUSED, "agree", {}),
    Page("POST", "patients/<uuid:patient_id>/<slug:verb>/", "patients", REFUSED, "stop", {}),
    Page("GET", "roster/", "", ALL),
    Page("GET", "day/", "", ALL),
    Page("GET", "day/place/", "", ALL),
    Page("GET", "day/book/", "", ALL),
    Page("POST", "day/book/", "", REFUSED, form={}),
    Page("GET", "board/", "", ALL),
    Page("GET", "moves/<uuid:visit_id>/", "appointments", ALL),
    # Nothing was shown before.
    Page("POST", "moves/<uuid:visit_id>/", "appointments", dict.fromkeys(ROLES, 409), form={}),
    Page("GET", "moves/<uuid:visit_id>/fits/", "appointments", ALL),
    # No act has a visit's id.
    Page("POST", "moves/<uuid:act_id>/undo/", "appointments", NOWHERE, form={}),
    Page("GET", "visits/<uuid:visit_id>/", "appointments", ALL),
    Page("POST", "visits/<uuid:visit_id>/<slug:verb>/", "appointments", DONE, "confirm", {}),
    Page("POST", "visits/<uuid:visit_id>/<slug:verb>/", "appointments", REFUSED, "no_show", {}),
    Page("GET", "visits/<uuid:visit_id>/cancel/", "appointments", ALL),
    Page("POST", "visits/<uuid:visit_id>/cancel/", "appointments", DONE, form={"reason": "Ill."}),
    # It is not cancelled: the page says so.
    Page("POST", "visits/<uuid:visit_id>/undo-cancel/", "appointments", DONE, form={}),
    Page("POST", "visits/<uuid:visit_id>/send-link/", "appointments", DONE, form={}),
    Page("POST", "tasks/<uuid:item_id>/done/", "work-items", DONE, "", {}),
    Page("GET", "follow-ups/", "", ALL),
    Page("GET", "follow-ups/<uuid:gap_id>/", "gaps", ALL),
    Page("POST", "follow-ups/<uuid:gap_id>/<slug:verb>/", "gaps", DONE, "take", {}),
    Page("POST", "follow-ups/<uuid:gap_id>/<slug:verb>/", "gaps", DONE, "snooze", {"until": "hours"}),
    # It is booked: there is nothing to choose.
    Page("POST", "follow-ups/<uuid:gap_id>/<slug:verb>/", "gaps", UNSETTLED, "send-link", {}),
    Page("POST", "follow-ups/<uuid:gap_id>/<slug:verb>/", "gaps", WAIVERS, "waive", {"reason": "Seen."}),
    Page("GET", "waitlist/", "", ALL),
    Page("GET", "waitlist/add/", "", ALL),
    Page("POST", "waitlist/add/", "", REFUSED, form={}),
    Page("GET", "waitlist/<uuid:entry_id>/", "waitlist", ALL),
    Page("POST", "waitlist/<uuid:entry_id>/", "waitlist", REFUSED, form={}),
    Page("POST", "waitlist/<uuid:entry_id>/<slug:verb>/", "waitlist", REFUSED, "offer", {}),
    # Nothing is offered to them: the page says so.
    Page("POST", "waitlist/<uuid:entry_id>/<slug:verb>/", "waitlist", UNSETTLED, "accept", {}),
    Page("POST", "waitlist/<uuid:entry_id>/<slug:verb>/", "waitlist", UNSETTLED, "decline", {}),
    Page("POST", "waitlist/<uuid:entry_id>/<slug:verb>/", "waitlist", UNSETTLED, "retract", {}),
    Page("POST", "waitlist/<uuid:entry_id>/<slug:verb>/", "waitlist", DONE, "withdraw", {}),
    Page("GET", "courses/<uuid:course_id>/", "courses", ALL),
    Page("GET", "courses/<uuid:course_id>/changed/", "courses", ALL),
    Page("GET", "courses/<uuid:course_id>/messages/", "courses", ALL),
    Page("POST", "courses/<uuid:course_id>/score/", "courses", {**REFUSED, "practice_admin": 403}, form={}),
    Page("POST", "courses/<uuid:course_id>/<slug:verb>/", "courses", DONE, "pause", {"reason": "Ill."}),
    Page("POST", "courses/<uuid:course_id>/<slug:verb>/", "courses", REVIEWERS, "review", REVIEW),
    Page("GET", "messages/", "", ALL),
    Page("GET", "messages/report/", "", ALL),
    Page("GET", "messages/refused/", "", ALL),
    Page("POST", "messages/refused/<uuid:refused_uid>/lift/", "refused", LIFTERS, form={"reason": "Mended."}),
    Page("GET", "messages/<uuid:message_id>/", "messages", ALL),
    # It is not in doubt: the page says so.
    Page("POST", "messages/<uuid:message_id>/<slug:verb>/", "messages", UNSETTLED, "sent", {"reason": "x"}),
    Page("POST", "messages/<uuid:message_id>/<slug:verb>/", "messages", REFUSED, "withdraw", {}),
    Page("GET", "inbox/", "", ALL),
    Page("GET", "inbox/<uuid:thread_id>/", "threads", ALL),
    Page("POST", "inbox/<uuid:thread_id>/<slug:verb>/", "threads", DONE, "handled", {}),
    Page("POST", "inbox/<uuid:thread_id>/<slug:verb>/", "threads", REFUSED, "reply", {}),
    Page("GET", "book/", "", ALL),
    Page("POST", "book/", "", NOWHERE, form={}),
    Page("POST", "book/patient/", "", REFUSED, form={}),
    # Without a proposal that is one they lead back to the beginning.
    Page("POST", "book/times/", "", DONE, form={}),
    Page("POST", "book/change/", "", DONE, form={}),
    Page("POST", "book/messages/", "", DONE, form={}),
    Page("POST", "book/confirm/", "", DONE, form={}),
    Page("GET", "courses/<uuid:course_id>/booked/", "courses", ALL),
    Page("POST", "courses/<uuid:course_id>/mail/", "courses", DONE, form={}),
    Page("GET", "follow-ups/<uuid:gap_id>/next/", "gaps", ALL),
    Page("GET", "follow-ups/<uuid:gap_id>/more/", "gaps", ALL),
    Page("POST", "follow-ups/<uuid:gap_id>/book/", "gaps", DONE, form={}),
    Page("POST", "visits/<uuid:visit_id>/undo-booking/", "appointments", DONE, form={}),
    Page("GET", "why-not/", "", NOWHERE),
    Page("GET", "access-log/", "", ADMINS),
    Page("GET", "design/", "", ALL),
    Page("GET", "set-up/", "", ALL),
    Page("GET", "set-up/practice/", "", ALL),
    Page("POST", "set-up/practice/", "", WRITERS, form={}),
    Page("GET", "set-up/messages/", "", ALL),
    Page("GET", "set-up/messages/register/", "", ALL),
    Page("GET", "set-up/messages/plan/", "", ALL),
    Page("POST", "set-up/messages/plan/", "", WRITERS, form={}),
    Page("GET", f"set-up/messages/{WHICH}/", "", ALL),
    Page("POST", f"set-up/messages/{WHICH}/", "", WRITERS, form={"save": "1"}),
    Page("GET", f"set-up/messages/{WHICH}/tests/", "", ALL),
    Page("GET", "set-up/protocols/", "", ALL),
    Page("GET", "set-up/protocols/<uuid:protocol_id>/", "protocols", ALL),
    Page("POST", "set-up/protocols/<uuid:protocol_id>/", "protocols", DRAWERS, form={}),
    Page("POST", "set-up/protocols/<uuid:protocol_id>/<slug:verb>/", "protocols", OFFERERS, "retire", {}),
    Page("GET", "set-up/sites/", "", ALL),
    Page("GET", "set-up/rooms/", "", ALL),
    Page("GET", "set-up/people/", "", ALL),
    Page("GET", "set-up/shifts/", "", ALL),
    Page("POST", "set-up/rooms/", "", WRITERS, form={}),
    Page("POST", "set-up/shifts/", "", SHIFTERS, form={}),
    Page("GET", "set-up/sites/<uuid:thing_id>/", "sites", ALL),
    Page("POST", "set-up/sites/<uuid:thing_id>/", "sites", WRITERS, form={}),
    Page("GET", "set-up/rooms/<uuid:thing_id>/", "rooms", ALL),
    Page("POST", "set-up/rooms/<uuid:thing_id>/", "rooms", WRITERS, form={}),
    Page("GET", "set-up/people/<uuid:thing_id>/", "practitioners", ALL),
    Page("POST", "set-up/people/<uuid:thing_id>/", "practitioners", WRITERS, form={}),
    Page("GET", "set-up/shifts/<uuid:thing_id>/", "shifts", ALL),
    Page("POST", "set-up/shifts/<uuid:thing_id>/", "shifts", SHIFTERS, form={}),
    Page("GET", "set-up/closures/", "", ALL),
    Page("POST", "set-up/closures/", "", SHIFTERS, form={}),
    Page("GET", "set-up/closures/<uuid:thing_id>/", "closures", ALL),
    Page("POST", "set-up/closures/<uuid:thing_id>/", "closures", SHIFTERS, form={}),
    Page("GET", "set-up/absences/", "", ALL),
    Page("POST", "set-up/absences/", "", SHIFTERS, form={}),
    Page("GET", "set-up/absences/<uuid:thing_id>/", "absences", ALL),
    Page("POST", "set-up/absences/<uuid:thing_id>/", "absences", SHIFTERS, form={}),
    Page("GET", "set-up/absences/<uuid:absence_id>/give/", "absences", ALL),
    Page("POST", "set-up/absences/<uuid:absence_id>/give/", "absences", DONE, form={}),
    Page("GET", "set-up/closures/<uuid:closure_id>/rooms/", "closures", ALL),
    Page("POST", "set-up/closures/<uuid:closure_id>/rooms/", "closures", DONE, form={}),
    Page("GET", "accounts/mails/", "", ALL),
    Page("POST", "accounts/mails/", "", DONE, form={}),
    Page("GET", "accounts/people/", "", ADMINS),
    Page(
        "POST",
        "accounts/people/<uuid:staff_id>/reset/",
        "practitioners",
        {**ADMINS, "practice_admin": 303},
        form={},
    ),
]

# Open to everybody: (method, route) -> what a stranger, a program and a member of staff are answered.
OPEN: dict[tuple[str, str], tuple[int, int, int]] = {
    ("GET", "api/schema/"): (200, 200, 200),
    ("GET", "api/docs/"): (200, 200, 200),
    ("GET", "health/live"): (200, 200, 200),
    ("GET", "health/ready"): (200, 200, 200),
    ("GET", "metrics"): (200, 200, 200),
    ("POST", "oauth/token/"): (400, 400, 400),
    ("GET", "oauth/token/"): (405, 405, 405),
    # The address is the key: without a feed's own token there is nothing.
    ("GET", "calendar/<str:token>.ics"): (404, 404, 404),
    # The same for a patient's link; who has none is told nothing, and gets nothing.
    # The provider's signature is the key.
    ("POST", "hooks/bounces/"): (403, 403, 403),
    ("POST", "hooks/telnyx/messages/"): (403, 403, 403),
    ("POST", "hooks/twilio/messages/"): (403, 403, 403),
    ("POST", "hooks/telnyx/reports/<uuid:attempt_id>/"): (403, 403, 403),
    ("POST", "hooks/twilio/reports/<uuid:attempt_id>/"): (403, 403, 403),
    ("GET", "u/<str:token>"): (404, 404, 404),
    ("POST", "u/<str:token>"): (404, 404, 404),
    ("GET", "n/<str:token>"): (404, 404, 404),
    ("POST", "n/<str:token>/again"): (200, 200, 200),
    ("POST", "n/<str:token>/<slug:what>"): (404, 404, 404),
    ("GET", "o/<str:token>"): (404, 404, 404),
    ("POST", "o/<str:token>/again"): (200, 200, 200),
    ("POST", "o/<str:token>/<slug:what>"): (404, 404, 404),
    ("GET", "v/<str:token>"): (404, 404, 404),
    ("GET", "v/<str:token>/visit.ics"): (404, 404, 404),
    ("GET", "v/<str:token>/times"): (404, 404, 404),
    ("GET", "v/<str:token>/questions/<int:number>"): (404, 404, 404),
    ("POST", "v/<str:token>/questions/<int:number>"): (404, 404, 404),
    ("POST", "v/<str:token>/again"): (200, 200, 200),
    ("POST", "v/<str:token>/<slug:what>"): (404, 404, 404),
    ("GET", "accounts/sign-in/"): (200, 200, 302),
    ("GET", "accounts/sign-out/"): (302, 302, 200),
    ("GET", "accounts/session/"): (200, 200, 200),
    ("GET", "accounts/session/back/"): (200, 200, 200),
    ("GET", "accounts/inactive/"): (200, 200, 200),
    ("GET", "accounts/second-factor/"): (302, 302, 302),
    ("GET", "accounts/confirm/"): (302, 302, 403),
    ("GET", "accounts/confirm/code/"): (302, 302, 403),
    ("GET", "accounts/confirm/passkey/"): (302, 302, 403),
    ("GET", "accounts/password/"): (302, 302, 403),
    ("GET", "accounts/factors/"): (302, 302, 200),
    ("GET", "accounts/factors/app/add/"): (302, 302, 200),
    ("GET", "accounts/factors/app/remove/"): (302, 302, 404),
    ("GET", "accounts/factors/codes/"): (302, 302, 404),
    ("GET", "accounts/factors/codes/renew/"): (302, 302, 200),
    ("GET", "accounts/factors/passkeys/"): (302, 302, 200),
    ("GET", "accounts/factors/passkeys/add/"): (302, 302, 200),
    ("GET", "accounts/factors/passkeys/<int:pk>/remove/"): (404, 404, 404),
}
