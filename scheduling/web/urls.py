"""The pages' addresses."""

from django.urls import path

from scheduling.web import (
    access_log,
    board,
    calendar,
    courses,
    day,
    home,
    moves,
    roster,
    visits,
    walkins,
    worklist,
)

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
    path("access-log/", access_log.listing, name="access-log"),
    path("calendar/<str:token>.ics", calendar.calendar, name="calendar"),
    path("courses/<uuid:course_id>/", courses.detail, name="course"),
]
