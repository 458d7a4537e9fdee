"""Staff: the user model, with the roles that decide what each may do."""

from typing import ClassVar

import pghistory
from django.contrib.auth.models import AbstractUser
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.crypto import salted_hmac

from clinic.practice.ids import new_id
from clinic.practice.models.place import Practice, Resource, Site
from clinic.practice.models.roster_stamp import OF_PRACTICE, ChangesRoster
from clinic.practice.models.stamps import stamps


class Role(models.TextChoices):
    FRONT_DESK = "front_desk"
    PRESCRIBER = "prescriber"
    MONITOR = "monitor"
    THERAPIST = "therapist"
    OPERATOR = "operator"
    CLINICAL_LEAD = "clinical_lead"
    PRACTICE_ADMIN = "practice_admin"


@pghistory.track(
    pghistory.InsertEvent(),
    pghistory.UpdateEvent(),
    pghistory.DeleteEvent(),
    exclude=["password", "last_login", "session_stamp"],
)
class StaffMember(AbstractUser):  # type: ignore[django-manager-missing]  # of the untyped OAuth client
    """A person who works in the practice. Without a practice a user sees nothing: access fails closed."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    practice = models.ForeignKey(
        Practice, on_delete=models.PROTECT, related_name="staff", null=True, blank=True
    )
    resource = models.OneToOneField(
        Resource, on_delete=models.PROTECT, related_name="practitioner", null=True, blank=True
    )
    roles = ArrayField(models.CharField(max_length=20, choices=Role), default=list, blank=True)
    skills = ArrayField(models.CharField(max_length=50), default=list, blank=True)
    home_site = models.ForeignKey(
        Site, on_delete=models.PROTECT, related_name="home_staff", null=True, blank=True
    )
    # Minutes kept free after each of this person's visits, and between visits at different sites.
    buffer_minutes = models.PositiveSmallIntegerField(default=0)
    travel_minutes = models.PositiveSmallIntegerField(default=60)
    # Part of what a session is checked against: another stamp ends all of them.
    session_stamp = models.CharField(max_length=32, default="", blank=True, editable=False)
    version = models.PositiveIntegerField(default=1)
    updated_at = models.DateTimeField(auto_now=True)

    NAMED_BY: ClassVar = ("first_name", "last_name", "username")

    class Meta(AbstractUser.Meta):  # type: ignore[name-defined,misc]
        abstract = False
        triggers: ClassVar = [
            *stamps(but=["password", "last_login", "session_stamp"]),
            ChangesRoster(OF_PRACTICE),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(roles__contained_by=[role.value for role in Role]), name="staff_roles_known"
            ),
            models.CheckConstraint(
                condition=Q(practice__isnull=True, resource__isnull=True)
                | Q(practice__isnull=False, resource__isnull=False),
                name="staff_of_practice_is_a_resource",
            ),
        ]

    def _get_session_auth_hash(self, secret: str | None = None) -> str:
        """What a session must know: the password's hash, as Django has it, and the stamp."""
        salt = f"{type(self).__name__}.get_session_auth_hash"
        known = self.password + self.session_stamp
        return salted_hmac(salt, known, secret=secret, algorithm="sha256").hexdigest()

    @staticmethod
    def name_of(first_name: str, last_name: str, username: str) -> str:
        """What `NAMED_BY` says, in words."""
        return f"{first_name} {last_name}".strip() or username

    @property
    def display_name(self) -> str:
        return self.name_of(self.first_name, self.last_name, self.username)
