"""What this room refuses beyond the shared errors."""

from clinic.practice import errors


class PatientError(errors.DomainError):
    """Something about a patient was refused."""

    code = "patient_refused"


class IdentifierTaken(PatientError, errors.Conflict):
    """Another patient of the practice already has this external identifier."""

    code = "identifier_taken"
