"""Sixty invented patients, with the consents that some gave and others did not."""

from collections.abc import Mapping
from datetime import date, datetime

from clinic.practice import actor as actors
from clinic.practice.models import Site
from patients import decisions, records
from patients.models import ExternalIdentifier, MessagingConsent, Patient
from scheduling.management.demo import plans
from scheduling.management.demo.place import Built

SYSTEM = "https://demo.example/patients"
WARNING = "2024-1"
# What a patient allows, by turns: most are messaged by SMS, some by e-mail too or alone, a few by nothing.
ALLOWED = (("sms",), ("sms", "email"), ("email",), ("sms",), ("sms", "email"), ("sms",)) * 2 + ((),)


def enter(*, clinics: Mapping[str, Built], now: datetime) -> dict[str, list[Patient]]:
    """The patients of each site, in a fixed order. `clinics` maps a site's name to its practice."""
    entered: dict[str, list[Patient]] = {}
    number = 0
    for site_name, count, phones, first in plans.PATIENTS:
        built = clinics[site_name]
        site = built.sites[site_name]
        entered[site_name] = []
        for place in range(count):
            phone = phones.format(first + place)
            entered[site_name].append(_one(built, site, number, phone, now))
            number += 1
    return entered


def _one(built: Built, site: Site, number: int, phone: str, now: datetime) -> Patient:
    known = ExternalIdentifier.objects.filter(
        practice=built.practice, system=SYSTEM, value=f"P-{number + 1:03d}"
    )
    found = known.select_related("patient").first()
    patient = found.patient if found else _create(built, site, number, phone, now)
    if not MessagingConsent.objects.filter(patient=patient).exists():
        for channel in ALLOWED[number % len(ALLOWED)]:
            decisions.decide_messaging(
                actor=actors.system(practice_id=built.practice.pk),
                patient_id=patient.pk,
                channel=channel,
                decision="granted",
                warning_version=WARNING,
                source="intake form",
                now=now,
            )
    return patient


def _create(built: Built, site: Site, number: int, phone: str, now: datetime) -> Patient:
    given = plans.GIVEN_NAMES[number % len(plans.GIVEN_NAMES)]
    family = plans.FAMILY_NAMES[number // len(plans.GIVEN_NAMES)]
    return records.create_patient(
        # They agreed long ago: no text confirms it.
        actor=actors.system(practice_id=built.practice.pk),
        given_name=given,
        family_name=family,
        birth_date=date(1955 + number * 7 % 45, 1 + number % 12, 1 + number % 28),
        site_id=site.pk,
        phone=phone,
        email=f"{given}.{family}@example.com".lower(),
        # Some live in another zone than the clinic's: their quiet hours are their own.
        time_zone="America/Chicago" if number % 10 == 9 and site.time_zone.startswith("America") else "",
        language="es" if number % 7 == 6 else "en",
        external_ids=[{"system": SYSTEM, "value": f"P-{number + 1:03d}"}],
        now=now,
    )
