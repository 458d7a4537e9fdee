"""Patients, and what was decided and measured about them."""

from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from clinic.practice import paging
from clinic.practice.api import shapes
from clinic.practice.api.files import CsvParser, FileAsk, FormParser, ImportQuery, ReportShape, told
from clinic.practice.api.references import named
from clinic.practice.api.views import ApiView, changes, operation
from patients import decisions, duplicates, importing, queries, records
from patients.api import forms


class PatientsView(ApiView):
    shape = forms.PatientShape

    @operation(
        "patients_list",
        "List patients",
        capability="patients.read",
        query=forms.PatientList,
        answer=forms.PatientShape,
        page=True,
    )
    def get(self, request: Request) -> Response:
        rows = queries.patients(actor=self.actor)
        where = shapes.where(forms.PatientList, self.query)
        return self.page(paging.page(rows=rows, part=self.part(), where=where))

    @operation(
        "patients_create",
        "Add a patient",
        capability="patients.write",
        body=forms.PatientNew,
        answer=forms.PatientShape,
        status=201,
        key="optional",
    )
    def post(self, request: Request) -> Response:
        site_id = self.body.pop("site")
        patient = named(
            "site",
            lambda: records.create_patient(
                actor=self.actor, now=self.now, key=self.key, site_id=site_id, **self.body
            ),
        )
        return self.one(patient, version=patient.version, status=201)


class DuplicatesView(ApiView):
    @operation(
        "patients_duplicates",
        "Pairs of patients who may be one, with what speaks for it",
        capability="patients.read",
        query=forms.DuplicatesQuery,
        answer=forms.DuplicatesShape,
        problems=[410],
    )
    def get(self, request: Request) -> Response:
        patient_id = self.query.get("patient")

        def load() -> list[duplicates.Pair]:
            return duplicates.find(actor=self.actor, patient_id=patient_id, limit=self.query["limit"])

        pairs = named("patient", load)
        self.shown(one.pk for pair in pairs for one in pair.patients)
        return Response(forms.DuplicatesShape({"pairs": pairs}).data)


class PatientImportView(ApiView):
    parser_classes = [CsvParser, FormParser]

    @operation(
        "imports_patients",
        "Read in patients from a CSV file, or try it; a report on every row",
        capability="patients.write",
        body=FileAsk,
        query=ImportQuery,
        answer=ReportShape,
        key="optional",
        problems=[413, 415],
    )
    def post(self, request: Request) -> Response:
        report = importing.run(
            actor=self.actor, now=self.now, key=self.key, file=self.body["file"], **self.query
        )
        return Response(told(report))


class PatientView(ApiView):
    shape = forms.PatientShape

    @operation(
        "patients_retrieve",
        "Read a patient",
        capability="patients.read",
        answer=forms.PatientShape,
        problems=[404, 410],
    )
    def get(self, request: Request, id: UUID) -> Response:
        patient = queries.patient(actor=self.actor, patient_id=id)
        return self.one(patient, version=patient.version)

    def _change(self, request: Request, id: UUID) -> Response:
        queries.patient(actor=self.actor, patient_id=id)
        # They are here, so what is not is the site.
        patient = named(
            "site",
            lambda: records.update_patient(
                actor=self.actor, patient_id=id, changes=self.body, now=self.now, version=self.version
            ),
        )
        return self.one(patient, version=patient.version)

    patch, put = changes(
        "patients",
        "a patient",
        capability="patients.write",
        body=forms.PatientNew,
        answer=forms.PatientShape,
        problems=[410],
    )(_change)


class ConsentsView(ApiView):
    shape = forms.ConsentShape

    @operation(
        "patients_consents_list",
        "Treatment consents, oldest first",
        capability="patients.read",
        query=forms.DecisionList,
        answer=forms.ConsentShape,
        page=True,
        problems=[404, 410],
    )
    def get(self, request: Request, id: UUID) -> Response:
        patient = queries.patient(actor=self.actor, patient_id=id)
        part = self.part(order="given_at")
        return self.page(paging.page(rows=queries.treatment_consents(patient=patient), part=part))

    @operation(
        "patients_consents_create",
        "Record the consent to one version of a protocol",
        capability="patients.record_consent",
        body=forms.ConsentNew,
        answer=forms.ConsentShape,
        status=201,
        key="optional",
        problems=[404, 410],
    )
    def post(self, request: Request, id: UUID) -> Response:
        consent = decisions.record_consent(
            actor=self.actor,
            patient_id=id,
            protocol_key=self.body["protocol"],
            protocol_version=self.body["version"],
            at=self.body.get("at"),
            now=self.now,
            key=self.key,
        )
        return self.one(consent, version=1, status=201)


class ConsentWithdrawalView(ApiView):
    shape = forms.ConsentShape

    @operation(
        "patients_consents_withdraw",
        "Withdraw a treatment consent; doing it twice is harmless",
        capability="patients.record_consent",
        body=shapes.Nothing,
        answer=forms.ConsentShape,
        problems=[404, 410],
    )
    def post(self, request: Request, id: UUID, consent_id: UUID) -> Response:
        consent = decisions.withdraw_consent(
            actor=self.actor, patient_id=id, consent_id=consent_id, now=self.now
        )
        return self.one(consent, version=2)


class EligibilityView(ApiView):
    shape = forms.EligibilityShape

    @operation(
        "patients_eligibility_list",
        "Eligibility decisions, oldest first; the latest holds",
        capability="patients.read",
        query=forms.DecisionList,
        answer=forms.EligibilityShape,
        page=True,
        problems=[404, 410],
    )
    def get(self, request: Request, id: UUID) -> Response:
        patient = queries.patient(actor=self.actor, patient_id=id)
        part = self.part(order="decided_at")
        return self.page(paging.page(rows=queries.eligibility_decisions(patient=patient), part=part))

    @operation(
        "patients_eligibility_create",
        "Record a clinician's decision on eligibility",
        capability="patients.decide_eligibility",
        body=forms.EligibilityNew,
        answer=forms.EligibilityShape,
        status=201,
        key="optional",
        problems=[404, 410],
    )
    def post(self, request: Request, id: UUID) -> Response:
        decision = decisions.decide_eligibility(
            actor=self.actor,
            patient_id=id,
            protocol_key=self.body.pop("protocol"),
            now=self.now,
            key=self.key,
            **self.body,
        )
        return self.one(decision, version=1, status=201)


class MeasuresView(ApiView):
    shape = forms.MeasureShape

    @operation(
        "patients_measures_list",
        "Measures, oldest first",
        capability="patients.read",
        query=forms.DecisionList,
        answer=forms.MeasureShape,
        page=True,
        problems=[404, 410],
    )
    def get(self, request: Request, id: UUID) -> Response:
        patient = queries.patient(actor=self.actor, patient_id=id)
        part = self.part(order="taken_at")
        return self.page(paging.page(rows=queries.measures(patient=patient), part=part))

    @operation(
        "patients_measures_create",
        "Record one score of a scale",
        capability="patients.record_measure",
        body=forms.MeasureNew,
        answer=forms.MeasureShape,
        status=201,
        key="optional",
        problems=[404, 410],
    )
    def post(self, request: Request, id: UUID) -> Response:
        measure = decisions.record_measure(
            actor=self.actor, patient_id=id, now=self.now, key=self.key, **self.body
        )
        return self.one(measure, version=1, status=201)


class MessagingConsentsView(ApiView):
    shape = forms.MessagingConsentShape

    @operation(
        "patients_messaging_consents_list",
        "Messaging consents, oldest first; the latest of a channel and category holds",
        capability="patients.read",
        query=forms.DecisionList,
        answer=forms.MessagingConsentShape,
        page=True,
        problems=[404, 410],
    )
    def get(self, request: Request, id: UUID) -> Response:
        patient = queries.patient(actor=self.actor, patient_id=id)
        part = self.part(order="decided_at")
        return self.page(paging.page(rows=queries.messaging_consents(patient=patient), part=part))

    @operation(
        "patients_messaging_consents_create",
        "Grant or revoke messages by a channel",
        capability="patients.record_consent",
        body=forms.MessagingConsentNew,
        answer=forms.MessagingConsentShape,
        status=201,
        key="optional",
        problems=[404, 410],
    )
    def post(self, request: Request, id: UUID) -> Response:
        consent = decisions.decide_messaging(
            actor=self.actor, patient_id=id, now=self.now, key=self.key, **self.body
        )
        return self.one(consent, version=1, status=201)
