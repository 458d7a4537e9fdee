"""Indexes that another one begins with: each move of a message wrote them, and no query needs them."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("notifications", "0014_waitlist_term"),
        ("patients", "0006_measure_forms"),
        ("practice", "0010_mail_choices"),
    ]
    operations = [
        migrations.AlterField(
            model_name="message",
            name="practice",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="messages",
                to="practice.practice",
            ),
        ),
        migrations.AlterField(
            model_name="message",
            name="patient",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="messages",
                to="patients.patient",
            ),
        ),
        migrations.AlterField(
            model_name="attempt",
            name="message",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="attempt_rows",
                to="notifications.message",
            ),
        ),
    ]
