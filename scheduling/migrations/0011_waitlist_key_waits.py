"""A waitlist entry changes its patient together with its course, as a visit does: patients are merged."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("scheduling", "0010_waitlist")]

    operations = [
        migrations.RunSQL(
            sql="ALTER TABLE scheduling_waitlistentry ALTER CONSTRAINT waitlist_course_same_patient "
            "DEFERRABLE INITIALLY IMMEDIATE",
            reverse_sql="ALTER TABLE scheduling_waitlistentry ALTER CONSTRAINT waitlist_course_same_patient "
            "NOT DEFERRABLE",
        ),
    ]
