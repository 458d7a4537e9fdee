"""The patient and the numbers by which other systems know them."""

from typing import ClassVar

import pghistory
from django.db import models

from clinic.practice.ids import new_id
from clinic.practice.models import Practice, Resource, Site
from clinic.practice.models.place import validate_zone
from clinic.practice.models.stamps import stamps


class Language(models.TextChoices):
    ENGLISH = "en"
    SPANISH = "es"


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class Patient(models.Model):
    """A person treated by one practice."""

    id = models.UUIDField(primary_key=True, default=new_id, editable=False)
    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="patients")
    site = models.ForeignKey(Site, on_delete=models.PROTECT, related_name="patients")
    resource = models.OneToOneField(Resource, on_delete=models.PROTECT, related_name="patient")
    given_name = models.CharField(max_length=100)
    family_name = models.CharField(max_length=100)
    birth_date = models.DateField()
    # Where the patient is, for quiet hours: never guessed from a phone number's area code.
    time_zone = models.CharField(max_length=64, validators=[validate_zone])
    language = models.CharField(max_length=5, choices=Language, default=Language.ENGLISH)
    # A request for no messages at all (45 CFR 164.522) outranks every consent.
    no_messages = models.BooleanField(default=False)
    version = models.PositiveIntegerField(default=1)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        triggers: ClassVar = stamps()
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["practice", "id"], name="patient_of_practice"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["practice", "family_name", "given_name"]),
            models.Index(fields=["practice", "updated_at", "id"]),
            # Whoever is on file twice was born on the same day.
            models.Index(fields=["practice", "birth_date"]),
        ]

    def __str__(self) -> str:
        return f"{self.given_name} {self.family_name}"


class ExternalIdentifier(models.Model):
    """A number by which an EHR or a billing system knows the patient; unique in the practice per system."""

    practice = models.ForeignKey(Practice, on_delete=models.PROTECT, related_name="+")
    patient = models.ForeignKey(Patient, on_delete=models.CASCADE, related_name="external_ids")
    system = models.CharField(max_length=200)
    value = models.CharField(max_length=200)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["practice", "system", "value"], name="external_id_once"),
        ]
        indexes: ClassVar = [models.Index(fields=["practice", "value"])]

    def __str__(self) -> str:
        return f"{self.system}|{self.value}"
