"""Rows that belong together belong to one practice and one patient: composite foreign keys, which Django
cannot say."""

from django.db import migrations

COURSE = "scheduling_treatmentcourse"
APPOINTMENT = "scheduling_appointment"
GAP = "scheduling_followupgap"
OCCUPANCY = "scheduling_occupancy"
KEYS = [
    (COURSE, "course_patient_same_practice", "practice_id, patient_id", "patients_patient (practice_id, id)"),
    (COURSE, "course_site_same_practice", "practice_id, site_id", "practice_site (practice_id, id)"),
    (
        APPOINTMENT,
        "appointment_patient_same_practice",
        "practice_id, patient_id",
        "patients_patient (practice_id, id)",
    ),
    (
        APPOINTMENT,
        "appointment_site_same_practice",
        "practice_id, site_id",
        "practice_site (practice_id, id)",
    ),
    (APPOINTMENT, "appointment_course_same_patient", "patient_id, course_id", f"{COURSE} (patient_id, id)"),
    (GAP, "gap_course_same_practice", "practice_id, course_id", f"{COURSE} (practice_id, id)"),
    (GAP, "gap_course_same_patient", "patient_id, course_id", f"{COURSE} (patient_id, id)"),
    (
        OCCUPANCY,
        "occupancy_resource_same_practice",
        "practice_id, resource_id",
        "practice_resource (practice_id, id)",
    ),
    (
        OCCUPANCY,
        "occupancy_visit_same_practice",
        "practice_id, appointment_id",
        f"{APPOINTMENT} (practice_id, id)",
    ),
]


class Migration(migrations.Migration):
    dependencies = [("scheduling", "0001_initial"), ("patients", "0002_same_practice")]

    operations = [
        migrations.RunSQL(
            sql=f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY ({columns}) REFERENCES {target}"
            # Places are taken before the visit is written: this key waits for the commit, as Django's own do.
            + (
                " ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED"
                if name == "occupancy_visit_same_practice"
                else ""
            ),
            reverse_sql=f"ALTER TABLE {table} DROP CONSTRAINT {name}",
        )
        for table, name, columns, target in KEYS
    ]
