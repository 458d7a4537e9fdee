"""The trail's index of the practice alone: another one begins with it, and every act wrote both."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("practice", "0010_mail_choices")]
    operations = [
        migrations.AlterField(
            model_name="trailentry",
            name="practice",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="practice.practice",
            ),
        )
    ]
