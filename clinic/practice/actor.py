"""Who acts: a frozen value that the rim builds once and every use case receives."""

from dataclasses import dataclass, field
from uuid import UUID, uuid5


@dataclass(frozen=True, slots=True)
class Actor:
    """A staff member, a program, a patient by link, or the system itself.

    `practice_id` is the only practice that this actor can see. `roles` are staff roles, `scopes` are OAuth2
    scopes; a staff member has no scopes and a program has no roles.
    """

    practice_id: UUID
    kind: str
    id: UUID | None = None
    roles: frozenset[str] = field(default_factory=frozenset)
    scopes: frozenset[str] = field(default_factory=frozenset)
    label: str = ""

    @property
    def ref(self) -> str:
        """How rows name the actor: `staff:<uuid>`, `client:<uuid>`, `patient:<uuid>` or `system`."""
        return f"{self.kind}:{self.id}" if self.id else self.kind


SYSTEM, SYSTEM_LABEL = "system", "the system"


def system(*, practice_id: UUID) -> Actor:
    """The actor of everything that only the passing of time does."""
    return Actor(practice_id=practice_id, kind=SYSTEM, label=SYSTEM_LABEL)


def patient(*, practice_id: UUID, patient_id: UUID) -> Actor:
    """A patient by the link of a visit; the trail shows no name."""
    return Actor(practice_id=practice_id, kind="patient", id=patient_id, label="the patient, by link")


def texter(*, practice_id: UUID, patient_id: UUID | None) -> Actor:
    """Whoever sent a text: the patient whose number it is, or somebody whom nobody can tell."""
    return Actor(practice_id=practice_id, kind="patient", id=patient_id, label="the patient, by text")


# The namespace in which a program's id is derived from its client_id: the same for ever, telling no secret.
_PROGRAMS = UUID("6f1d2c1e-0d5b-5a0e-9a63-3b7a1f1c9d11")


def program_id(*, client_id: str) -> UUID:
    """How the trail and the history name a program."""
    return uuid5(_PROGRAMS, client_id)
