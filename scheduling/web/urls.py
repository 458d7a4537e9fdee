"""The pages' addresses."""

from django.urls import path

from scheduling.web import (
    access_log,
    board,
    calendar,
    courses,
    day,
    design,
    home,
    messages,
    moves,
    roster,
    visits,
    walkins,
    worklist,
)
from scheduling.web.setup import checklist, practice, programmes, things
from scheduling.web.setup.nouns import NOUNS

urlpatterns = [
    path("", home.home, name="home"),
    path("patients/", home.search, name="search"),
    path("day/", day.day, name="day"),
    path("day/book/", walkins.book, name="walk-in"),
    path("board/", board.board, name="board"),
    path("roster/", roster.day, name="roster"),
    path("moves/<uuid:visit_id>/", moves.move, name="move"),
    path("moves/<uuid:visit_id>/fits/", moves.fits, name="move-fits"),
    path("moves/<uuid:act_id>/undo/", moves.undo, name="move-undo"),
    path("visits/<uuid:visit_id>/", visits.detail, name="visit"),
    path("visits/<uuid:visit_id>/send-link/", visits.send_link, name="visit-link"),
    path("visits/<uuid:visit_id>/<slug:verb>/", visits.move, name="visit-move"),
    path("tasks/<uuid:item_id>/done/", home.task_done, name="task-done"),
    path("follow-ups/", worklist.listing, name="worklist"),
    path("follow-ups/<uuid:gap_id>/", worklist.detail, name="follow-up"),
    path("follow-ups/<uuid:gap_id>/<slug:verb>/", worklist.work, name="follow-up-work"),
    path("messages/", messages.listing, name="messages"),
    path("access-log/", access_log.listing, name="access-log"),
    path("set-up/", checklist.checklist, name="setup"),
    path("set-up/practice/", practice.practice, name="setup-practice"),
    path("set-up/protocols/", programmes.listing, name="setup-protocols"),
    path("set-up/protocols/<uuid:protocol_id>/<slug:verb>/", programmes.offer, name="setup-protocol"),
    *(path(f"set-up/{noun}/", things.things, {"noun": noun}, name="setup-things") for noun in NOUNS),
    *(
        path(f"set-up/{noun}/<uuid:thing_id>/", things.thing, {"noun": noun}, name="setup-thing")
        for noun in NOUNS
    ),
    path("design/", design.components, name="design"),
    path("calendar/<str:token>.ics", calendar.calendar, name="calendar"),
    path("courses/<uuid:course_id>/", courses.detail, name="course"),
]
