from django.urls import path

from scheduling.api import (
    absences,
    adoption,
    appointments,
    course_life,
    courses,
    feeds,
    gaps,
    holds,
    imports,
    merging,
    moves,
    protocols,
    roster,
    waitlist,
)

urlpatterns = [
    path("calendar-feeds/", feeds.FeedsView.as_view(), name="calendar-feeds"),
    path("calendar-feeds/<uuid:id>/", feeds.FeedView.as_view(), name="calendar-feed"),
    path("protocols/", protocols.ProtocolsView.as_view(), name="protocols"),
    path("protocols/<uuid:id>/", protocols.ProtocolView.as_view(), name="protocol"),
    path("shifts/", roster.ShiftsView.as_view(), name="shifts"),
    path("shifts/<uuid:id>/", roster.ShiftView.as_view(), name="shift"),
    path("absences/", absences.AbsencesView.as_view(), name="absences"),
    path("absences/<uuid:id>/", absences.AbsenceView.as_view(), name="absence"),
    path("availability/", roster.AvailabilityView.as_view(), name="availability"),
    path("roster/", roster.RosterView.as_view(), name="roster"),
    path("courses/", courses.CoursesView.as_view(), name="courses"),
    path("courses/propose/", courses.ProposeView.as_view(), name="courses-propose"),
    path("courses/adopt/", adoption.AdoptView.as_view(), name="courses-adopt"),
    path("courses/hold/", holds.CourseHoldView.as_view(), name="courses-hold"),
    path("courses/hold/<uuid:id>/release/", holds.CourseReleaseView.as_view(), name="course-hold-release"),
    path("courses/<uuid:id>/", courses.CourseView.as_view(), name="course"),
    path("patients/<uuid:id>/merge/", merging.MergeView.as_view(), name="patient-merge"),
    path("imports/appointments/", imports.AppointmentImportView.as_view(), name="import-appointments"),
    *(
        path(
            f"courses/<uuid:id>/{verb.replace('_', '-')}/",
            course_life.act_view(verb),
            name=f"course-{verb.replace('_', '-')}",
        )
        for verb in course_life.ACTS
    ),
    path("appointments/", appointments.AppointmentsView.as_view(), name="appointments"),
    path("appointments/<uuid:id>/", appointments.AppointmentView.as_view(), name="appointment"),
    path("appointments/<uuid:id>/move/", moves.MoveView.as_view(), name="appointment-move"),
    path("appointments/<uuid:id>/book/", holds.VisitBookView.as_view(), name="appointment-book"),
    path("appointments/<uuid:id>/release/", holds.VisitReleaseView.as_view(), name="appointment-release"),
    path("appointments/<uuid:id>/swap/", moves.SwapView.as_view(), name="appointment-swap"),
    path(
        "appointments/<uuid:id>/pin/",
        moves.pin_view("pin", "Fix a visit where it is: no cascade moves it"),
        name="appointment-pin",
    ),
    path(
        "appointments/<uuid:id>/unpin/",
        moves.pin_view("unpin", "Let a visit move with the others again"),
        name="appointment-unpin",
    ),
    path("courses/<uuid:id>/replan/", moves.ReplanView.as_view(), name="course-replan"),
    path("practitioners/<uuid:id>/reassign/", moves.ReassignView.as_view(), name="practitioner-reassign"),
    *(
        path(
            f"appointments/<uuid:id>/{verb.replace('_', '-')}/",
            appointments.transition_view(verb),
            name=f"appointment-{verb.replace('_', '-')}",
        )
        for verb in appointments.VERBS
    ),
    path("waitlist/", waitlist.WaitlistView.as_view(), name="waitlist"),
    path("waitlist/fits/", waitlist.FitsView.as_view(), name="waitlist-fits"),
    path("waitlist/<uuid:id>/", waitlist.EntryView.as_view(), name="waitlist-entry"),
    path("waitlist/<uuid:id>/offer/", waitlist.OfferView.as_view(), name="waitlist-offer"),
    *(
        path(f"waitlist/<uuid:id>/{verb}/", view, name=f"waitlist-{verb}")
        for verb, view in waitlist.VERBS.items()
    ),
    path(
        "appointments/<uuid:id>/reinstate/",
        appointments.ReinstateView.as_view(),
        name="appointment-reinstate",
    ),
    path("appointments/<uuid:id>/correct/", appointments.CorrectView.as_view(), name="appointment-correct"),
    path(
        "appointments/<uuid:id>/enter-in-error/",
        appointments.EnterInErrorView.as_view(),
        name="appointment-enter-in-error",
    ),
    path("gaps/", gaps.GapsView.as_view(), name="gaps"),
    path("gaps/<uuid:id>/", gaps.GapView.as_view(), name="gap"),
    path("gaps/<uuid:id>/explain/", gaps.ExplainView.as_view(), name="gap-explain"),
    path("gaps/<uuid:id>/assign/", gaps.AssignView.as_view(), name="gap-assign"),
    path("gaps/<uuid:id>/snooze/", gaps.SnoozeView.as_view(), name="gap-snooze"),
    path("gaps/<uuid:id>/waive/", gaps.WaiveView.as_view(), name="gap-waive"),
    path("gaps/<uuid:id>/unwaive/", gaps.UnwaiveView.as_view(), name="gap-unwaive"),
    path("gaps/<uuid:id>/attest/", gaps.AttestView.as_view(), name="gap-attest"),
]
