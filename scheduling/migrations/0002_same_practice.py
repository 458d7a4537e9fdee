"""Rows that belong together belong to one practice and one patient: composite foreign keys, which Django
cannot say."""

from django.db import migrations

COURSE = "scheduling_treatmentcourse"
APPOINTMENT = "scheduling_appointment"
IDENTIFIER = "scheduling_appointmentidentifier"
GAP = "scheduling_followupgap"
OCCUPANCY = "scheduling_occupancy"
ENTRY = "scheduling_waitlistentry"
TO_PATIENT = "(practice_id, patient_id) REFERENCES patients_patient (practice_id, id)"
TO_SITE = "(practice_id, site_id) REFERENCES practice_site (practice_id, id)"
TO_VISIT = f"(practice_id, appointment_id) REFERENCES {APPOINTMENT} (practice_id, id) ON DELETE CASCADE"
# A course changes its patient together with what is of it (patients are merged): these may be asked for at the
# end of such a transaction. Everywhere else they hold at once.
WITH_COURSE = f"(patient_id, course_id) REFERENCES {COURSE} (patient_id, id) DEFERRABLE INITIALLY IMMEDIATE"
KEYS = [
    (COURSE, "course_patient_same_practice", TO_PATIENT),
    (COURSE, "course_site_same_practice", TO_SITE),
    (APPOINTMENT, "appointment_patient_same_practice", TO_PATIENT),
    (APPOINTMENT, "appointment_site_same_practice", TO_SITE),
    (APPOINTMENT, "appointment_course_same_patient", WITH_COURSE),
    (IDENTIFIER, "visit_identifier_same_practice", TO_VISIT),
    (GAP, "gap_course_same_practice", f"(practice_id, course_id) REFERENCES {COURSE} (practice_id, id)"),
    (GAP, "gap_course_same_patient", WITH_COURSE),
    (
        OCCUPANCY,
        "occupancy_resource_same_practice",
        "(practice_id, resource_id) REFERENCES practice_resource (practice_id, id)",
    ),
    # Places are taken before the visit is written: this key waits for the commit, as Django's own do.
    (OCCUPANCY, "occupancy_visit_same_practice", f"{TO_VISIT} DEFERRABLE INITIALLY DEFERRED"),
    (ENTRY, "waitlist_patient_same_practice", TO_PATIENT),
    (ENTRY, "waitlist_site_same_practice", TO_SITE),
    (ENTRY, "waitlist_course_same_patient", WITH_COURSE),
]


class Migration(migrations.Migration):
    dependencies = [("scheduling", "0001_initial")]

    operations = [
        migrations.RunSQL(
            sql=f"ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY {key}",
            reverse_sql=f"ALTER TABLE {table} DROP CONSTRAINT {name}",
        )
        for table, name, key in KEYS
    ]
