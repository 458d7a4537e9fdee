"""The life of a course: stopped, paused, resumed, reviewed, completed, reopened, entered in error."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response

from clinic.practice.api.shapes import Body
from clinic.practice.api.views import ApiView, operation
from scheduling.api import asks, forms, life_asks
from scheduling.booking.course import courses, pauses, reviews
from scheduling.booking.reading import queries
from scheduling.booking.visit import corrections


@dataclass(frozen=True, slots=True)
class Act:
    """One thing that is done with a course: `do` takes the fields of `ask` by their names."""

    summary: str
    do: Callable[..., None]
    ask: type[Body]
    capability: str = "courses.book"


ACTS = {
    "cancel": Act(
        "Stop a course; follow-ups of doses already given stay, and people are asked about them",
        courses.cancel,
        life_asks.CourseCancelAsk,
    ),
    "pause": Act(
        "Give up what is to come for a time; follow-ups of doses already given stay",
        pauses.pause,
        life_asks.PauseAsk,
    ),
    "resume": Act(
        "Let a paused course go on: what it gave up comes back whole, or is named in to_replan",
        pauses.resume,
        asks.OptionalReasonAsk,
    ),
    "review": Act(
        "Decide how the course goes on after a phase: continue, change, complete or stop",
        reviews.review,
        life_asks.ReviewAsk,
        reviews.CAPABILITY,
    ),
    "complete": Act(
        "Say that the course has reached its end",
        pauses.complete,
        asks.OptionalReasonAsk,
        "courses.review",
    ),
    "reopen": Act("Let a completed or stopped course go on", pauses.reopen, asks.ReasonAsk),
    "enter_in_error": Act(
        "Say that the course should never have been written; nothing leads back",
        corrections.enter_course_in_error,
        asks.ReasonAsk,
    ),
}


def act_view(verb: str) -> Callable[..., HttpResponseBase]:
    """The view of one act, `POST courses/<id>/<verb>/`; it answers with the course as it is then."""
    act = ACTS[verb]

    class ActView(ApiView):
        shape = forms.WholeCourseShape

        @operation(
            f"courses_{verb}",
            act.summary,
            capability=act.capability,
            body=act.ask,
            answer=forms.WholeCourseShape,
            key="optional",
            condition="optional",
            problems=[404, 409],
        )
        def post(self, request: Request, id: UUID) -> Response:
            given: dict[str, Any] = self.body
            act.do(actor=self.actor, course_id=id, now=self.now, version=self.version, key=self.key, **given)
            whole = queries.course(actor=self.actor, course_id=id, capability=act.capability)
            return self.one(whole, version=whole.course.version)

    return ActView.as_view()
