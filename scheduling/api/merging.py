"""Patients who are on file twice, made one. Everything that scheduling knows of them goes along, so it is
here."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from clinic.practice.api.fields import Id, Text
from clinic.practice.api.references import named
from clinic.practice.api.shapes import Body
from clinic.practice.api.views import ApiView, operation
from patients import queries as patients
from patients.api.forms import PatientShape
from scheduling.booking.intake import merging


class MergeAsk(Body):
    duplicate = Id(help_text="The patient whose record ends; everything of it goes to this one.")
    reason = Text(max_length=300)


class MergeView(ApiView):
    shape = PatientShape

    @operation(
        "patients_merge",
        "Give everything of a duplicate to this patient; the duplicate's id leads here from then on",
        capability="patients.merge",
        body=MergeAsk,
        answer=PatientShape,
        key="optional",
        condition="optional",
        problems=[404, 409, 410],
    )
    def post(self, request: Request, id: UUID) -> Response:
        # They are here, so who is not is the duplicate.
        patients.patient(actor=self.actor, patient_id=id)
        named(
            "duplicate",
            lambda: merging.merge(
                actor=self.actor,
                survivor_id=id,
                duplicate_id=self.body["duplicate"],
                reason=self.body["reason"],
                now=self.now,
                version=self.version,
                key=self.key,
            ),
        )
        patient = patients.patient(actor=self.actor, patient_id=id)
        return self.one(patient, version=patient.version)
