"""What this room refuses beyond the shared errors."""

from clinic.practice import errors


class PatientError(errors.DomainError):
    """Something about a patient was refused."""

    code = "patient_refused"


class Merged(PatientError):
    """This patient was on file twice, and is another one now: `merged_into`."""

    code = "merged"


class IdentifierTaken(PatientError, errors.Conflict):
    """Another patient of the practice already has this external identifier."""

    code = "identifier_taken"


class LooksLikeAnother(PatientError, errors.Conflict):
    """Somebody on file looks like this patient: look at `patients`, then say that it is somebody else."""

    code = "looks_like_another"
