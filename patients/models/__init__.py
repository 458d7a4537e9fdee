"""Who is treated: rows and constraints."""

from patients.models.clinical import EligibilityDecision, Escort, Measure, TreatmentConsent
from patients.models.contact import AddressRequest, ContactPoint, MessagingConsent
from patients.models.measure_form import MeasureForm
from patients.models.merged import MergedPatient
from patients.models.patient import ExternalIdentifier, Patient

__all__ = [
    "AddressRequest",
    "ContactPoint",
    "EligibilityDecision",
    "Escort",
    "ExternalIdentifier",
    "Measure",
    "MeasureForm",
    "MergedPatient",
    "MessagingConsent",
    "Patient",
    "TreatmentConsent",
]
