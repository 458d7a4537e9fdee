"""The pages' addresses."""

from django.urls import path

from scheduling.web import access_log, calendar, design
from scheduling.web.book import book, newcomers, sheet
from scheduling.web.course import courses
from scheduling.web.day import board, day, place, roster, waitlist, walkins, wishing
from scheduling.web.follow_ups import filling, worklist
from scheduling.web.home import overview, reached, start
from scheduling.web.messages import coming, inbox, listing, message, refused, report
from scheduling.web.setup import (
    checklist,
    giving,
    message_plan,
    practice,
    programmes,
    protocol,
    registration,
    things,
    wordings,
)
from scheduling.web.setup.nouns import NOUNS
from scheduling.web.visit import cancelling, moves, visits, why_not

WHICH = "<slug:kind>/<slug:language>/<slug:channel>"

urlpatterns = [
    path("", start.start, name="start"),
    path("overview/", overview.overview, name="overview"),
    path("patients/", overview.search, name="search"),
    path("patients/<uuid:patient_id>/", reached.detail, name="patient"),
    path("patients/<uuid:patient_id>/<slug:verb>/", reached.work, name="patient-work"),
    path("day/", day.day, name="day"),
    path("day/place/", place.place, name="place"),
    path("day/book/", walkins.book, name="walk-in"),
    path("board/", board.board, name="board"),
    path("roster/", roster.day, name="roster"),
    path("moves/<uuid:visit_id>/", moves.move, name="move"),
    path("moves/<uuid:visit_id>/fits/", moves.fits, name="move-fits"),
    path("moves/<uuid:act_id>/undo/", moves.undo, name="move-undo"),
    path("visits/<uuid:visit_id>/", visits.detail, name="visit"),
    path("visits/<uuid:visit_id>/send-link/", visits.send_link, name="visit-link"),
    path("visits/<uuid:visit_id>/cancel/", cancelling.cancel, name="visit-cancel"),
    path("visits/<uuid:visit_id>/undo-cancel/", cancelling.undo, name="cancel-undo"),
    path("visits/<uuid:visit_id>/undo-booking/", filling.undo, name="booking-undo"),
    path("visits/<uuid:visit_id>/<slug:verb>/", visits.move, name="visit-move"),
    path("tasks/<uuid:item_id>/done/", overview.task_done, name="task-done"),
    path("follow-ups/", worklist.listing, name="worklist"),
    path("follow-ups/<uuid:gap_id>/", worklist.detail, name="follow-up"),
    path("follow-ups/<uuid:gap_id>/next/", filling.next_best, name="follow-up-next"),
    path("follow-ups/<uuid:gap_id>/more/", worklist.more, name="follow-up-more"),
    path("follow-ups/<uuid:gap_id>/book/", filling.book, name="follow-up-book"),
    path("follow-ups/<uuid:gap_id>/<slug:verb>/", worklist.work, name="follow-up-work"),
    path("waitlist/", waitlist.listing, name="waitlist"),
    path("waitlist/add/", wishing.add, name="waitlist-add"),
    path("waitlist/<uuid:entry_id>/", wishing.change, name="waitlist-entry"),
    path("waitlist/<uuid:entry_id>/<slug:verb>/", waitlist.work, name="waitlist-work"),
    path("messages/", listing.listing, name="messages"),
    path("messages/report/", report.report, name="messages-report"),
    path("messages/refused/", refused.listing, name="messages-refused"),
    path("messages/refused/<uuid:refused_uid>/lift/", refused.lift, name="messages-refused-lift"),
    path("messages/<uuid:message_id>/", message.detail, name="message"),
    path("messages/<uuid:message_id>/<slug:verb>/", message.settle, name="message-settle"),
    path("inbox/", inbox.listing, name="inbox"),
    path("inbox/<uuid:thread_id>/", inbox.thread, name="inbox-thread"),
    path("inbox/<uuid:thread_id>/<slug:verb>/", inbox.work, name="inbox-work"),
    path("book/", book.book, name="book"),
    path("book/patient/", newcomers.create, name="book-patient"),
    path("book/times/", book.other_times, name="book-times"),
    path("book/change/", book.change, name="book-change"),
    path("book/messages/", book.told, name="book-messages"),
    path("book/confirm/", book.confirm, name="book-confirm"),
    path("why-not/", why_not.why_not, name="why-not"),
    path("access-log/", access_log.listing, name="access-log"),
    path("set-up/", checklist.checklist, name="setup"),
    path("set-up/practice/", practice.practice, name="setup-practice"),
    path("set-up/messages/", wordings.listing, name="setup-wordings"),
    path("set-up/messages/register/", registration.sheet, name="setup-register"),
    path("set-up/messages/plan/", message_plan.edit, name="setup-message-plan"),
    path(f"set-up/messages/{WHICH}/", wordings.edit, name="setup-wording"),
    path(f"set-up/messages/{WHICH}/tests/", wordings.tests, name="setup-wording-tests"),
    path("set-up/protocols/", programmes.listing, name="setup-protocols"),
    path("set-up/protocols/<uuid:protocol_id>/", protocol.edit, name="setup-protocol-edit"),
    path("set-up/protocols/<uuid:protocol_id>/<slug:verb>/", programmes.offer, name="setup-protocol"),
    *(path(f"set-up/{noun}/", things.things, {"noun": noun}, name="setup-things") for noun in NOUNS),
    *(
        path(f"set-up/{noun}/<uuid:thing_id>/", things.thing, {"noun": noun}, name="setup-thing")
        for noun in NOUNS
    ),
    path("set-up/absences/<uuid:absence_id>/give/", giving.give, name="absence-give"),
    path("set-up/closures/<uuid:closure_id>/rooms/", giving.rooms, name="closure-rooms"),
    path("design/", design.components, name="design"),
    path("calendar/<str:token>.ics", calendar.calendar, name="calendar"),
    path("courses/<uuid:course_id>/", courses.detail, name="course"),
    path("courses/<uuid:course_id>/booked/", sheet.done, name="booked"),
    path("courses/<uuid:course_id>/mail/", sheet.mail, name="course-mail"),
    path("courses/<uuid:course_id>/messages/", coming.course, name="course-messages"),
    path("courses/<uuid:course_id>/changed/", courses.changed, name="course-changed"),
    path("courses/<uuid:course_id>/score/", courses.score, name="course-score"),
    path("courses/<uuid:course_id>/<slug:verb>/", courses.act, name="course-act"),
]
