"""The pages' addresses."""

from django.urls import path

from scheduling.web import access_log, calendar, courses, home, roster, visits, worklist

urlpatterns = [
    path("", home.home, name="home"),
    path("patients/", home.search, name="search"),
    path("roster/", roster.day, name="roster"),
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
