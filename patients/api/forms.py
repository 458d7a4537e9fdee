"""What is written and read about patients. Every list of fields is a literal."""

from decimal import Decimal
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from clinic.practice.api.fields import Choice, Day, Flag, Id, Instant, Number, Text, Whole
from clinic.practice.api.shapes import Body, ListQuery, Query, Shape, WholeParameter
from patients import queries
from patients.models import EligibilityDecision, MessagingConsent
from patients.models.contact import CATEGORIES, Channel
from patients.models.patient import Language


class Identifier(Body):
    system = Text(max_length=200, help_text="Whose number it is, such as the EHR's address.")
    value = Text(max_length=200, allow_null=True, help_text="In a change, null removes it.")


class PatientNew(Body):
    given_name = Text(max_length=100)
    family_name = Text(max_length=100)
    birth_date = Day()
    phone = Text(max_length=40, allow_blank=True, allow_null=True, default="")
    email = Text(max_length=254, allow_blank=True, allow_null=True, default="")
    time_zone = Text(
        max_length=64, allow_blank=True, default="", help_text="Where they are; else the site's."
    )
    language = Choice(choices=Language.choices, default="en")
    site = Id()
    external_ids = Identifier(many=True, default=list)
    no_messages = Flag(default=False, help_text="No messages at all, whatever was consented to.")


class PatientShape(Shape):
    patient_at = "id"
    id = Id()
    given_name = Text()
    family_name = Text()
    birth_date = Day()
    phone = serializers.SerializerMethodField()
    email = serializers.SerializerMethodField()
    time_zone = Text()
    language = Choice(choices=Language.choices)
    site = Id(source="site_id")
    external_ids = serializers.SerializerMethodField()
    no_messages = Flag()
    version = Whole()
    created_at = Instant()
    updated_at = Instant()

    def get_phone(self, patient: Any) -> str | None:
        return queries.first_address(patient, Channel.SMS) or None

    def get_email(self, patient: Any) -> str | None:
        return queries.first_address(patient, Channel.EMAIL) or None

    @extend_schema_field(Identifier(many=True))
    def get_external_ids(self, patient: Any) -> list[dict[str, str]]:
        known = sorted(patient.external_ids.all(), key=lambda row: row.system)
        return [{"system": row.system, "value": row.value} for row in known]


class DuplicatesQuery(Query):
    patient = Id(required=False, help_text="Only the pairs of this patient.")
    limit = WholeParameter(required=False, min_value=1, max_value=200, default=50)


class PairShape(Shape):
    patients = PatientShape(many=True)
    reasons = serializers.ListField(
        child=Text(), help_text="`birth_date_and_name`, `phone`, `email`, `external_id`."
    )


class DuplicatesShape(Shape):
    pairs = PairShape(many=True)


class PatientList(ListQuery):
    site = Id(required=False)
    updated_since = Instant(required=False)
    lookups: ClassVar = {"site": "site_id", "updated_since": "updated_at__gte"}


# --- decisions and measures ------------------------------------------------------------------------------
class ConsentNew(Body):
    protocol = Text(max_length=100, help_text="The protocol's key.")
    version = Whole(min_value=1, max_value=1_000_000)
    at = Instant(required=False, help_text="When it was given; now unless told.")


class ConsentShape(Shape):
    patient_at = "patient_id"
    id = Id()
    protocol = Text(source="protocol_key")
    version = Whole(source="protocol_version")
    given_at = Instant()
    recorded_by = Text()
    withdrawn_at = Instant(allow_null=True)


class EligibilityNew(Body):
    protocol = Text(max_length=100, help_text="The protocol's key.")
    decision = Choice(choices=EligibilityDecision.Decision.choices)
    expires_on = Day(required=False, allow_null=True, default=None)
    reason = Text(max_length=300, allow_blank=True, default="", help_text="Needed unless eligible.")
    at = Instant(required=False)


class EligibilityShape(Shape):
    patient_at = "patient_id"
    id = Id()
    protocol = Text(source="protocol_key")
    decision = Choice(choices=EligibilityDecision.Decision.choices)
    decided_at = Instant()
    decided_by = Text()
    expires_on = Day(allow_null=True)
    reason = Text()


class Score(Number):
    """A number, kept as the decimal that was written."""

    def to_internal_value(self, data: Any) -> Any:
        return Decimal(str(super().to_internal_value(data)))


class MeasureNew(Body):
    code = Text(max_length=20, help_text="PHQ-9, GAD-7, PCL-5 …")
    score = Score()
    at = Instant(required=False)


class MeasureShape(Shape):
    patient_at = "patient_id"
    id = Id()
    code = Text()
    score = Number()
    taken_at = Instant()
    recorded_by = Text()


class MessagingConsentNew(Body):
    channel = Choice(choices=Channel.choices)
    category = Choice(choices=CATEGORIES, default="reminders")
    decision = Choice(choices=MessagingConsent.Decision.choices)
    warning_version = Text(
        max_length=20, allow_blank=True, default="", help_text="A grant names the warning that was shown."
    )
    source = Text(max_length=40, allow_blank=True, default="")  # type: ignore[assignment]
    at = Instant(required=False)


class MessagingConsentShape(Shape):
    patient_at = "patient_id"
    id = Id()
    channel = Choice(choices=Channel.choices)
    category = Choice(choices=CATEGORIES)
    decision = Choice(choices=MessagingConsent.Decision.choices)
    warning_version = Text()
    source = Text()  # type: ignore[assignment]
    decided_at = Instant()
    decided_by = Text()


class DecisionList(ListQuery):
    pass
