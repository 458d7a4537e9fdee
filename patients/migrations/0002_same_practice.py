"""A patient's site and resource belong to the patient's practice, and a duplicate's place is with a patient of
its own: composite foreign keys, which Django cannot say."""

from django.db import migrations

PATIENT = "patients_patient"
KEYS = [
    (PATIENT, "patient_site_same_practice", "practice_id, site_id", "practice_site (practice_id, id)"),
    (
        PATIENT,
        "patient_resource_same_practice",
        "practice_id, resource_id",
        "practice_resource (practice_id, id)",
    ),
    (
        "patients_externalidentifier",
        "external_id_same_practice",
        "practice_id, patient_id",
        f"{PATIENT} (practice_id, id)",
    ),
    (
        "patients_mergedpatient",
        "merged_patient_same_practice",
        "practice_id, into_id",
        f"{PATIENT} (practice_id, id)",
    ),
]


class Migration(migrations.Migration):
    dependencies = [("patients", "0001_initial"), ("practice", "0001_initial")]

    operations = [
        migrations.RunSQL(
            sql=f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY ({columns}) REFERENCES {target}",
            reverse_sql=f"ALTER TABLE {table} DROP CONSTRAINT {name}",
        )
        for table, name, columns, target in KEYS
    ]
