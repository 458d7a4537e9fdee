"""What is asked and answered when visits go elsewhere. Every list of fields is a literal."""

from typing import Any, ClassVar

from rest_framework import serializers

from clinic.practice.api.fields import Choice, Day, Flag, Id, Instant, Text
from clinic.practice.api.shapes import Body, Shape
from scheduling.api.asks import OverrideAsk, PersonRef, PreferencesAsk
from scheduling.api.forms import AppointmentShape, PlannedPersonShape, WindowShape
from scheduling.models.appointment import Kind, Mode
from scheduling.models.followup import GapStatus, Severity

MODES = (("preview", "preview"), ("apply", "apply"))


# --- asked ----------------------------------------------------------------------------------------------
class ActAsk(Body):
    """`preview` writes nothing and gives a token; `apply` with that token does exactly what was shown,
    without one it decides and does at once."""

    # What is said beside a token: the rest it holds already.
    beside: ClassVar[tuple[str, ...]] = ()

    mode = Choice(choices=MODES)
    preview_token = Text(max_length=200_000, required=False, help_text="The token of a preview; for apply.")
    pins = serializers.ListField(
        child=Id(), max_length=200, required=False, help_text="Visits of the course that must stay."
    )
    reason = Text(max_length=200, allow_blank=True, required=False)
    overrides = OverrideAsk(many=True, required=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if "preview_token" not in attrs:
            return attrs
        if attrs["mode"] == "preview":
            raise serializers.ValidationError({"preview_token": ["Only to apply it."]})
        told = [name for name in attrs if name not in ("mode", "preview_token", "overrides", *self.beside)]
        if told:
            raise serializers.ValidationError(
                dict.fromkeys(sorted(told), ["The preview holds this already."])
            )
        return attrs


class MoveAsk(ActAsk):
    """What is not said stays as it is where it can, and is found where it cannot."""

    start = Instant(required=False)
    end = Instant(required=False, help_text="Without it the visit keeps its length.")
    practitioners = serializers.ListField(child=PersonRef(), max_length=20, required=False)
    room = Id(required=False)
    site = Id(required=False, help_text="Another site of the practice.")
    mode_of_visit = Choice(choices=Mode.choices, required=False)
    group_session = Id(required=False, help_text="The session to join: for visits of a group.")
    cascade = Flag(required=False, help_text="False: only this visit moves, whatever breaks. Default true.")


class SwapAsk(ActAsk):
    """Two visits change places."""

    beside = ("with",)
    cascade = Flag(required=False, help_text="False: only these two move, whatever breaks. Default true.")

    def get_fields(self) -> dict[str, Any]:
        # `with` is a word of the language, so it cannot be an attribute.
        return {
            "with": Id(help_text="The other visit, of the same patient or of another.")
        } | super().get_fields()


class ReassignAsk(ActAsk):
    """The person's visits in a span go to others who can, at the same time."""

    beside = ("start", "end")
    start = Instant()
    end = Instant(help_text="At most 92 days after start.")
    to = Id(required=False, help_text="To this person only; else to whoever fits.")
    cascade = Flag(
        required=False, help_text="True: where nobody can, the course is re-planned around it. Default false."
    )


class ReplanAsk(ActAsk):
    """What was given or pinned stays; the rest is placed anew."""

    start_on_or_after = Day(required=False, help_text="A later day from which doses may be given.")
    preferences = PreferencesAsk(
        required=False, help_text="Instead of those that the course was booked with."
    )


class PinAsk(Body):
    reason = Text(max_length=200, allow_blank=True, default="")


# --- answered -------------------------------------------------------------------------------------------
class PlaceShape(Shape):
    """Where a visit stands, or would."""

    site = Id()
    time_zone = Text(help_text="The site's.")
    start = Instant()
    end = Instant()
    mode = Choice(choices=Mode.choices)
    practitioners = PlannedPersonShape(many=True)
    room = Id(allow_null=True)
    group_session = Id(allow_null=True)


class RelocationShape(Shape):
    """One visit that goes elsewhere."""

    id = Id()
    ref = Text()
    kind = Choice(choices=Kind.choices)
    course = Id(allow_null=True)
    patient = Id()
    verb = Text(help_text="move; or reassign: the same time, with other people or in another room.")
    asked = Flag(help_text="A person put it there; false: it has to follow.")
    before = PlaceShape()
    after = PlaceShape()


class StayShape(Shape):
    """A visit to come that stays where it is."""

    id = Id(source="visit.pk")
    ref = Text(source="visit.ref")
    kind = Choice(choices=Kind.choices, source="visit.kind")
    start = Instant(source="visit.start")
    why = Text(help_text="fits, pinned (or at another site), or fixed: it has begun, or is only held.")


class UnitStateShape(Shape):
    status = Choice(choices=GapStatus.choices)
    severity = Choice(choices=Severity.choices)
    flagged = Flag()
    window = WindowShape(allow_null=True)
    visits = serializers.ListField(child=Text(), help_text="Those that count for it.")


class UnitChangeShape(Shape):
    """A follow-up unit that reads otherwise afterwards; null where there is no such unit then."""

    gap = Id(source="gap_id", allow_null=True)
    course = Id(source="course_id")
    unit = Text()
    doses = serializers.ListField(child=Text())
    before = UnitStateShape(allow_null=True)
    after = UnitStateShape(allow_null=True)


class SendShape(Shape):
    """A message that would be planned."""

    kind = Text()
    channel = Text()
    patient = Id(source="patient_id")
    subject = Id(source="subject_id", help_text="The visit, or the course.")
    start = Instant(source="subject_at", allow_null=True, help_text="The start that it tells.")
    at = Instant(source="due_at")


class ToldShape(Shape):
    """A message that is planned, or has gone."""

    id = Id()
    kind = Text()
    channel = Text()
    patient = Id(source="patient_id")
    subject = Id(source="subject_id")
    start = Instant(source="subject_at", allow_null=True)
    at = Instant(source="due_at")


class NoticesShape(Shape):
    """Who would be told what; what planned would be withdrawn; what has gone out and is not sent again."""

    send = SendShape(many=True)
    withdraw = ToldShape(many=True)
    not_again = ToldShape(many=True, source="said")


class BrokenShape(Shape):
    """A rule that is broken afterwards and was not before. Errors must be excused; warnings need not."""

    rule_id = Text()
    severity = Text()
    overridable = Flag()
    may_override = serializers.ListField(child=Text(), help_text="The roles that may excuse it.")
    visit = Text(allow_null=True, help_text="Its ref, such as dose-4: what an override names.")
    appointment = Id(allow_null=True)
    message = Text()


class UnmetShape(Shape):
    """Why the rest of the course could not be made to follow."""

    rule = Text()
    visit = Text(allow_null=True)
    message = Text()


class AddedShape(Shape):
    """A visit that the course needs anew."""

    ref = Text()
    kind = Choice(choices=Kind.choices)
    start = Instant()
    end = Instant()
    time_zone = Text()


class EndedShape(Shape):
    """A visit that the course needs no longer: it would be cancelled."""

    id = Id(source="pk")
    ref = Text()
    kind = Choice(choices=Kind.choices)
    start = Instant()
    end = Instant()


class OutcomeShape(Shape):
    """What becomes of one visit of somebody who falls out."""

    appointment = Id()
    visit = Text()
    course = Id(allow_null=True)
    patient = Id()
    start = Text()
    outcome = Text(
        help_text="reassigned: at its time, with somebody else. moved: its course is re-planned. needs_move: "
        "nobody can take it. left: somebody could, but another visit of its course cannot be kept."
    )


class ActShape(Shape):
    """Visits that go elsewhere together. In a preview `token` carries it out; `applicable` is false while a
    broken rule is not excused. Applied: what was done, and the visits as they are now."""

    mode = Choice(choices=MODES)
    token = Text(allow_null=True)
    expires_at = Instant(allow_null=True)
    applicable = Flag()
    moves = RelocationShape(many=True)
    stays = StayShape(many=True)
    added = AddedShape(many=True)
    ended = EndedShape(many=True)
    units = UnitChangeShape(many=True)
    messages = NoticesShape(allow_null=True)
    violations = BrokenShape(many=True)
    unmet = UnmetShape(many=True)
    outcomes = OutcomeShape(many=True, help_text="Of a reassignment, visit by visit.")
    visits = AppointmentShape(many=True)
