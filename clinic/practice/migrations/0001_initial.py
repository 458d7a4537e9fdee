import clinic.practice.ids
import clinic.practice.models.place
import django.contrib.auth.models
import django.contrib.auth.validators
import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.core.validators
import django.db.models.deletion
import django.utils.timezone
import oauth2_provider.generators
import oauth2_provider.models
import pgtrigger.compiler
from django.conf import settings
from django.db import migrations, models


# How long is for the owner of the tables to say (`manage.py keep_reads`): web and workers can call what
# removes rows, and cannot make it remove one sooner. In a function rather than in a row, which whoever may
# write rows could change.
KEPT = """
CREATE FUNCTION practice_reads_kept() RETURNS interval LANGUAGE sql STABLE
AS $$ SELECT interval '72 months' $$;
"""

# By each practice's own index, so that the log needs no other for this.
FORGET = """
CREATE FUNCTION practice_forget_reads(at_most integer) RETURNS integer LANGUAGE sql
SECURITY DEFINER SET search_path = public, pg_temp
AS $$
    WITH old AS (
        SELECT found.id FROM practice_practice AS practice CROSS JOIN LATERAL (
            SELECT id FROM practice_patientread
            WHERE practice_id = practice.id AND at < now() - practice_reads_kept()
            ORDER BY at, id LIMIT at_most
        ) AS found LIMIT at_most
    ), gone AS (
        DELETE FROM practice_patientread WHERE id IN (SELECT id FROM old) RETURNING 1
    )
    SELECT count(*)::integer FROM gone
$$;
"""


class Migration(migrations.Migration):

    initial = True

    # The OAuth tables point at our client model, so it must stand first.
    run_before = [('oauth2_provider', '0001_initial')]

    dependencies = [
        ('auth', '0012_alter_user_first_name_max_length'),
        ('pghistory', '0007_auto_20250421_0444'),
    ]

    operations = [
        # A trigger below asks it.
        migrations.RunSQL(KEPT, "DROP FUNCTION practice_reads_kept()"),
        migrations.CreateModel(
            name='RosterStamp',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('practice_id', models.UUIDField()),
                ('slot', models.PositiveSmallIntegerField()),
                ('value', models.UUIDField()),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('practice_id', 'slot'), name='roster_stamp_once')],
            },
        ),
        migrations.CreateModel(
            name='Practice',
            fields=[
                ('id', models.UUIDField(default=clinic.practice.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('name', models.CharField(max_length=200)),
                ('message_name', models.CharField(max_length=40)),
                ('phone', models.CharField(blank=True, max_length=32)),
                ('settings', models.JSONField(blank=True, default=dict)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'triggers': [pgtrigger.compiler.Trigger(name='changes_roster', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n                IF TG_OP = 'UPDATE' AND to_jsonb(OLD) - '{last_login,password,session_stamp}'::text[] = to_jsonb(NEW) - '{last_login,password,session_stamp}'::text[] THEN\n                    RETURN NULL;\n                END IF;\n                INSERT INTO practice_rosterstamp (practice_id, slot, value)\n                SELECT practice_id, pg_backend_pid() % 32, gen_random_uuid()\n                FROM (SELECT DISTINCT * FROM (VALUES (NEW.id), (OLD.id)) AS of_rows (practice_id)) AS touched\n                WHERE practice_id IS NOT NULL\n                ON CONFLICT (practice_id, slot) DO UPDATE SET value = EXCLUDED.value;\n                RETURN NULL;\n            ", hash='842f3df6b7059feacaedc7c4245bb31996106b8b', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_changes_roster_b479c', table='practice_practice', when='AFTER')), pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "practice_practiceevent" ("created_at", "id", "message_name", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "phone", "settings") VALUES (NEW."created_at", NEW."id", NEW."message_name", NEW."name", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."phone", NEW."settings"); RETURN NULL;', hash='ac8b0cce1b4943e1f123992d8abbea5ad420e8f6', operation='INSERT', pgid='pgtrigger_insert_insert_ec847', table='practice_practice', when='AFTER')), pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "practice_practiceevent" ("created_at", "id", "message_name", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "phone", "settings") VALUES (NEW."created_at", NEW."id", NEW."message_name", NEW."name", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."phone", NEW."settings"); RETURN NULL;', hash='b1adb71c986482b44c2948eda88b72f0d32d8bcb', operation='UPDATE', pgid='pgtrigger_update_update_68c5c', table='practice_practice', when='AFTER')), pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "practice_practiceevent" ("created_at", "id", "message_name", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "phone", "settings") VALUES (OLD."created_at", OLD."id", OLD."message_name", OLD."name", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."phone", OLD."settings"); RETURN NULL;', hash='8b1fdf32e2c315431b513ad29179e8deadd33b9d', operation='DELETE', pgid='pgtrigger_delete_delete_12854', table='practice_practice', when='AFTER'))],
            },
        ),
        migrations.CreateModel(
            name='PracticeEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='practice.practice')),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('id', models.UUIDField(default=clinic.practice.ids.new_id, editable=False, serialize=False)),
                ('name', models.CharField(max_length=200)),
                ('message_name', models.CharField(max_length=40)),
                ('phone', models.CharField(blank=True, max_length=32)),
                ('settings', models.JSONField(blank=True, default=dict)),
                ('created_at', models.DateTimeField(auto_now_add=True)),
            ],
            options={
                'abstract': False,
                'triggers': [pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='e7eec9f8d5b972273491c5c0dea6652fe4b689c2', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_a5c8b', table='practice_practiceevent', when='BEFORE'))],
            },
        ),
        migrations.CreateModel(
            name='Resource',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('practice', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='practice.practice')),
                ('kind', models.CharField(choices=[('practitioner', 'Practitioner'), ('room', 'Room'), ('patient', 'Patient')], max_length=12)),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('kind__in', ['practitioner', 'room', 'patient'])), name='resource_kind_known'), models.UniqueConstraint(fields=('practice', 'id'), name='resource_of_practice')],
            },
        ),
        migrations.CreateModel(
            name='Site',
            fields=[
                ('id', models.UUIDField(default=clinic.practice.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('practice', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='sites', to='practice.practice')),
                ('name', models.CharField(max_length=200)),
                ('time_zone', models.CharField(max_length=64, validators=[clinic.practice.models.place.validate_zone])),
                ('grid_minutes', models.PositiveSmallIntegerField(default=15)),
                ('phone', models.CharField(blank=True, max_length=32)),
                ('address', models.CharField(blank=True, max_length=300)),
                ('version', models.PositiveIntegerField(default=1)),
                ('updated_at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('practice', 'name'), name='site_name_once'), models.UniqueConstraint(fields=('practice', 'id'), name='site_of_practice'), models.CheckConstraint(condition=models.Q(('grid_minutes__in', [5, 10, 15, 20, 30, 60])), name='site_grid_divides_an_hour')],
                'triggers': [pgtrigger.compiler.Trigger(name='stamp_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func="\nIF coalesce(current_setting('clinic.writing', true), '') = '' THEN\n    PERFORM pg_advisory_xact_lock_shared(\n        1667788391, floor(date_part('epoch', clock_timestamp()) - 1577836800)::int);\n    PERFORM set_config('clinic.writing', '1', true);\nEND IF;\nNEW.updated_at := clock_timestamp(); RETURN NEW;", hash='da762ea4c0d330ea66c65b2e7b013f83a392d1bb', operation='INSERT', pgid='pgtrigger_stamp_insert_04422', table='practice_site', when='BEFORE')), pgtrigger.compiler.Trigger(name='stamp_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func="\nIF coalesce(current_setting('clinic.writing', true), '') = '' THEN\n    PERFORM pg_advisory_xact_lock_shared(\n        1667788391, floor(date_part('epoch', clock_timestamp()) - 1577836800)::int);\n    PERFORM set_config('clinic.writing', '1', true);\nEND IF;\nNEW.updated_at := clock_timestamp(); RETURN NEW;", hash='7f6ee081d2a7c15e6d9d872d1d9f7eab175de16a', operation='UPDATE', pgid='pgtrigger_stamp_update_5a574', table='practice_site', when='BEFORE')), pgtrigger.compiler.Trigger(name='changes_roster', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n                IF TG_OP = 'UPDATE' AND to_jsonb(OLD) - '{last_login,password,session_stamp}'::text[] = to_jsonb(NEW) - '{last_login,password,session_stamp}'::text[] THEN\n                    RETURN NULL;\n                END IF;\n                INSERT INTO practice_rosterstamp (practice_id, slot, value)\n                SELECT practice_id, pg_backend_pid() % 32, gen_random_uuid()\n                FROM (SELECT DISTINCT * FROM (VALUES (NEW.practice_id), (OLD.practice_id)) AS of_rows (practice_id)) AS touched\n                WHERE practice_id IS NOT NULL\n                ON CONFLICT (practice_id, slot) DO UPDATE SET value = EXCLUDED.value;\n                RETURN NULL;\n            ", hash='6db66a18a53ff684a864ead46f81d9c0a1e40dc0', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_changes_roster_6cd6d', table='practice_site', when='AFTER')), pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "practice_siteevent" ("address", "grid_minutes", "id", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "phone", "practice_id", "time_zone", "updated_at", "version") VALUES (NEW."address", NEW."grid_minutes", NEW."id", NEW."name", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."phone", NEW."practice_id", NEW."time_zone", NEW."updated_at", NEW."version"); RETURN NULL;', hash='24160f928012c24633372ebd454eec0ff5d36831', operation='INSERT', pgid='pgtrigger_insert_insert_af081', table='practice_site', when='AFTER')), pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "practice_siteevent" ("address", "grid_minutes", "id", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "phone", "practice_id", "time_zone", "updated_at", "version") VALUES (NEW."address", NEW."grid_minutes", NEW."id", NEW."name", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."phone", NEW."practice_id", NEW."time_zone", NEW."updated_at", NEW."version"); RETURN NULL;', hash='e9f5364261dee39db9f4d5e1db51ec9889644ff4', operation='UPDATE', pgid='pgtrigger_update_update_16110', table='practice_site', when='AFTER')), pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "practice_siteevent" ("address", "grid_minutes", "id", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "phone", "practice_id", "time_zone", "updated_at", "version") VALUES (OLD."address", OLD."grid_minutes", OLD."id", OLD."name", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."phone", OLD."practice_id", OLD."time_zone", OLD."updated_at", OLD."version"); RETURN NULL;', hash='b179cc8ec4878fb7bd81d321c00140bd48a32a42', operation='DELETE', pgid='pgtrigger_delete_delete_623c5', table='practice_site', when='AFTER'))],
            },
        ),
        migrations.CreateModel(
            name='SiteEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='practice.site')),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('id', models.UUIDField(default=clinic.practice.ids.new_id, editable=False, serialize=False)),
                ('practice', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='practice.practice')),
                ('name', models.CharField(max_length=200)),
                ('time_zone', models.CharField(max_length=64, validators=[clinic.practice.models.place.validate_zone])),
                ('grid_minutes', models.PositiveSmallIntegerField(default=15)),
                ('phone', models.CharField(blank=True, max_length=32)),
                ('address', models.CharField(blank=True, max_length=300)),
                ('version', models.PositiveIntegerField(default=1)),
                ('updated_at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'abstract': False,
                'triggers': [pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='85383c676a1da237d8b14464f3f30ac3e0f39d32', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_cac10', table='practice_siteevent', when='BEFORE'))],
            },
        ),
        migrations.CreateModel(
            name='OpeningHours',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('site', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='hours', to='practice.site')),
                ('weekday', models.PositiveSmallIntegerField()),
                ('opens', models.TimeField()),
                ('closes', models.TimeField()),
            ],
            options={
                'constraints': [models.CheckConstraint(condition=models.Q(('weekday__range', (1, 7))), name='hours_weekday_iso'), models.CheckConstraint(condition=models.Q(('opens__lt', models.F('closes'))), name='hours_open_before_close'), models.UniqueConstraint(fields=('site', 'weekday', 'opens'), name='hours_once')],
                'triggers': [pgtrigger.compiler.Trigger(name='changes_roster', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n                IF TG_OP = 'UPDATE' AND to_jsonb(OLD) - '{last_login,password,session_stamp}'::text[] = to_jsonb(NEW) - '{last_login,password,session_stamp}'::text[] THEN\n                    RETURN NULL;\n                END IF;\n                INSERT INTO practice_rosterstamp (practice_id, slot, value)\n                SELECT practice_id, pg_backend_pid() % 32, gen_random_uuid()\n                FROM (SELECT DISTINCT * FROM (SELECT practice_id FROM practice_site WHERE id IN (NEW.site_id, OLD.site_id)) AS of_rows (practice_id)) AS touched\n                WHERE practice_id IS NOT NULL\n                ON CONFLICT (practice_id, slot) DO UPDATE SET value = EXCLUDED.value;\n                RETURN NULL;\n            ", hash='21638d33e66d793ee5f18ecdf2d20d759cab4174', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_changes_roster_05004', table='practice_openinghours', when='AFTER')), pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "practice_openinghoursevent" ("closes", "id", "opens", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "site_id", "weekday") VALUES (NEW."closes", NEW."id", NEW."opens", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."site_id", NEW."weekday"); RETURN NULL;', hash='64709ac9ae4f743b05c91e77ca9dceba2c1899ae', operation='INSERT', pgid='pgtrigger_insert_insert_c8840', table='practice_openinghours', when='AFTER')), pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "practice_openinghoursevent" ("closes", "id", "opens", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "site_id", "weekday") VALUES (NEW."closes", NEW."id", NEW."opens", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."site_id", NEW."weekday"); RETURN NULL;', hash='8eb1695d2f90a1b55b6d82fa7846c6faba33d76b', operation='UPDATE', pgid='pgtrigger_update_update_6d945', table='practice_openinghours', when='AFTER')), pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "practice_openinghoursevent" ("closes", "id", "opens", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "site_id", "weekday") VALUES (OLD."closes", OLD."id", OLD."opens", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."site_id", OLD."weekday"); RETURN NULL;', hash='8e2b8aafef99e84fb7e2c475bf877241db2fba1a', operation='DELETE', pgid='pgtrigger_delete_delete_af06b', table='practice_openinghours', when='AFTER'))],
            },
        ),
        migrations.CreateModel(
            name='OpeningHoursEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='practice.openinghours')),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('id', models.BigIntegerField()),
                ('site', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='practice.site')),
                ('weekday', models.PositiveSmallIntegerField()),
                ('opens', models.TimeField()),
                ('closes', models.TimeField()),
            ],
            options={
                'abstract': False,
                'triggers': [pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='3f579f301787e06715499fdcefb5a5ae793fe59d', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_b7138', table='practice_openinghoursevent', when='BEFORE'))],
            },
        ),
        migrations.CreateModel(
            name='Room',
            fields=[
                ('id', models.UUIDField(default=clinic.practice.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('site', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='rooms', to='practice.site')),
                ('name', models.CharField(max_length=100)),
                ('kind', models.CharField(max_length=50, validators=[django.core.validators.RegexValidator('^[a-z][a-z0-9_]{0,49}$', 'Use lower-case letters, digits and underscores.')])),
                ('resource', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='room', to='practice.resource')),
                ('is_active', models.BooleanField(default=True)),
                ('version', models.PositiveIntegerField(default=1)),
                ('updated_at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('site', 'name'), name='room_name_once')],
                'triggers': [pgtrigger.compiler.Trigger(name='stamp_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func="\nIF coalesce(current_setting('clinic.writing', true), '') = '' THEN\n    PERFORM pg_advisory_xact_lock_shared(\n        1667788391, floor(date_part('epoch', clock_timestamp()) - 1577836800)::int);\n    PERFORM set_config('clinic.writing', '1', true);\nEND IF;\nNEW.updated_at := clock_timestamp(); RETURN NEW;", hash='b887d8d96604f50aa6523f6381f26d6d78a676e0', operation='INSERT', pgid='pgtrigger_stamp_insert_0142a', table='practice_room', when='BEFORE')), pgtrigger.compiler.Trigger(name='stamp_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func="\nIF coalesce(current_setting('clinic.writing', true), '') = '' THEN\n    PERFORM pg_advisory_xact_lock_shared(\n        1667788391, floor(date_part('epoch', clock_timestamp()) - 1577836800)::int);\n    PERFORM set_config('clinic.writing', '1', true);\nEND IF;\nNEW.updated_at := clock_timestamp(); RETURN NEW;", hash='63ada78d7b8fe3f52a2cc303a4c4aa1b28094903', operation='UPDATE', pgid='pgtrigger_stamp_update_8db58', table='practice_room', when='BEFORE')), pgtrigger.compiler.Trigger(name='changes_roster', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n                IF TG_OP = 'UPDATE' AND to_jsonb(OLD) - '{last_login,password,session_stamp}'::text[] = to_jsonb(NEW) - '{last_login,password,session_stamp}'::text[] THEN\n                    RETURN NULL;\n                END IF;\n                INSERT INTO practice_rosterstamp (practice_id, slot, value)\n                SELECT practice_id, pg_backend_pid() % 32, gen_random_uuid()\n                FROM (SELECT DISTINCT * FROM (SELECT practice_id FROM practice_site WHERE id IN (NEW.site_id, OLD.site_id)) AS of_rows (practice_id)) AS touched\n                WHERE practice_id IS NOT NULL\n                ON CONFLICT (practice_id, slot) DO UPDATE SET value = EXCLUDED.value;\n                RETURN NULL;\n            ", hash='fd1a1f58b9a919e4e63c8fd62539888b849df538', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_changes_roster_f3f83', table='practice_room', when='AFTER')), pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "practice_roomevent" ("id", "is_active", "kind", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "resource_id", "site_id", "updated_at", "version") VALUES (NEW."id", NEW."is_active", NEW."kind", NEW."name", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."resource_id", NEW."site_id", NEW."updated_at", NEW."version"); RETURN NULL;', hash='2075914cf94edecf606e49445340ffd2a49fb41a', operation='INSERT', pgid='pgtrigger_insert_insert_42b68', table='practice_room', when='AFTER')), pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "practice_roomevent" ("id", "is_active", "kind", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "resource_id", "site_id", "updated_at", "version") VALUES (NEW."id", NEW."is_active", NEW."kind", NEW."name", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."resource_id", NEW."site_id", NEW."updated_at", NEW."version"); RETURN NULL;', hash='1b040dba172841101609634aecade0934dfd868b', operation='UPDATE', pgid='pgtrigger_update_update_dca62', table='practice_room', when='AFTER')), pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "practice_roomevent" ("id", "is_active", "kind", "name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "resource_id", "site_id", "updated_at", "version") VALUES (OLD."id", OLD."is_active", OLD."kind", OLD."name", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."resource_id", OLD."site_id", OLD."updated_at", OLD."version"); RETURN NULL;', hash='e426e6c00e9fda209219fe64daa347313ef122c9', operation='DELETE', pgid='pgtrigger_delete_delete_4f11d', table='practice_room', when='AFTER'))],
            },
        ),
        migrations.CreateModel(
            name='Closure',
            fields=[
                ('id', models.UUIDField(default=clinic.practice.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('site', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='closures', to='practice.site')),
                ('room', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='closures', to='practice.room')),
                ('starts_at', models.DateTimeField()),
                ('ends_at', models.DateTimeField()),
                ('reason', models.CharField(blank=True, max_length=200)),
                ('version', models.PositiveIntegerField(default=1)),
                ('updated_at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'indexes': [models.Index(fields=['site', 'ends_at'], name='practice_cl_site_id_330243_idx')],
                'constraints': [models.CheckConstraint(condition=models.Q(('starts_at__lt', models.F('ends_at'))), name='closure_start_before_end')],
                'triggers': [pgtrigger.compiler.Trigger(name='stamp_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func="\nIF coalesce(current_setting('clinic.writing', true), '') = '' THEN\n    PERFORM pg_advisory_xact_lock_shared(\n        1667788391, floor(date_part('epoch', clock_timestamp()) - 1577836800)::int);\n    PERFORM set_config('clinic.writing', '1', true);\nEND IF;\nNEW.updated_at := clock_timestamp(); RETURN NEW;", hash='77dd40e3b9b9393e21cd566d8d489af3002801ce', operation='INSERT', pgid='pgtrigger_stamp_insert_b0ea7', table='practice_closure', when='BEFORE')), pgtrigger.compiler.Trigger(name='stamp_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func="\nIF coalesce(current_setting('clinic.writing', true), '') = '' THEN\n    PERFORM pg_advisory_xact_lock_shared(\n        1667788391, floor(date_part('epoch', clock_timestamp()) - 1577836800)::int);\n    PERFORM set_config('clinic.writing', '1', true);\nEND IF;\nNEW.updated_at := clock_timestamp(); RETURN NEW;", hash='2fdfa191725346ed4adc2cb3b6795c0b192fafdc', operation='UPDATE', pgid='pgtrigger_stamp_update_7ebb4', table='practice_closure', when='BEFORE')), pgtrigger.compiler.Trigger(name='changes_roster', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n                IF TG_OP = 'UPDATE' AND to_jsonb(OLD) - '{last_login,password,session_stamp}'::text[] = to_jsonb(NEW) - '{last_login,password,session_stamp}'::text[] THEN\n                    RETURN NULL;\n                END IF;\n                INSERT INTO practice_rosterstamp (practice_id, slot, value)\n                SELECT practice_id, pg_backend_pid() % 32, gen_random_uuid()\n                FROM (SELECT DISTINCT * FROM (SELECT practice_id FROM practice_site WHERE id IN (NEW.site_id, OLD.site_id)) AS of_rows (practice_id)) AS touched\n                WHERE practice_id IS NOT NULL\n                ON CONFLICT (practice_id, slot) DO UPDATE SET value = EXCLUDED.value;\n                RETURN NULL;\n            ", hash='969d31769f5b6f4b2a5b54f36d7bd77137bcc926', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_changes_roster_aff93', table='practice_closure', when='AFTER')), pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "practice_closureevent" ("ends_at", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "reason", "room_id", "site_id", "starts_at", "updated_at", "version") VALUES (NEW."ends_at", NEW."id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."reason", NEW."room_id", NEW."site_id", NEW."starts_at", NEW."updated_at", NEW."version"); RETURN NULL;', hash='da44ab48ae6616f85facd123495d34f562f1ce8c', operation='INSERT', pgid='pgtrigger_insert_insert_6cc03', table='practice_closure', when='AFTER')), pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "practice_closureevent" ("ends_at", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "reason", "room_id", "site_id", "starts_at", "updated_at", "version") VALUES (NEW."ends_at", NEW."id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."reason", NEW."room_id", NEW."site_id", NEW."starts_at", NEW."updated_at", NEW."version"); RETURN NULL;', hash='b7bae7a14edbcc8b77f0b518af09ae28a432d080', operation='UPDATE', pgid='pgtrigger_update_update_8e5c4', table='practice_closure', when='AFTER')), pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "practice_closureevent" ("ends_at", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "reason", "room_id", "site_id", "starts_at", "updated_at", "version") VALUES (OLD."ends_at", OLD."id", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."reason", OLD."room_id", OLD."site_id", OLD."starts_at", OLD."updated_at", OLD."version"); RETURN NULL;', hash='8685b138613bdf2bf05dfd3e538671ac6f97584b', operation='DELETE', pgid='pgtrigger_delete_delete_a156e', table='practice_closure', when='AFTER'))],
            },
        ),
        migrations.CreateModel(
            name='ClosureEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='practice.closure')),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('id', models.UUIDField(default=clinic.practice.ids.new_id, editable=False, serialize=False)),
                ('site', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='practice.site')),
                ('room', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='practice.room')),
                ('starts_at', models.DateTimeField()),
                ('ends_at', models.DateTimeField()),
                ('reason', models.CharField(blank=True, max_length=200)),
                ('version', models.PositiveIntegerField(default=1)),
                ('updated_at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'abstract': False,
                'triggers': [pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='476d89085babccf53117ee3a886f8766201b46cf', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_93402', table='practice_closureevent', when='BEFORE'))],
            },
        ),
        migrations.CreateModel(
            name='RoomEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='practice.room')),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('id', models.UUIDField(default=clinic.practice.ids.new_id, editable=False, serialize=False)),
                ('site', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='practice.site')),
                ('name', models.CharField(max_length=100)),
                ('kind', models.CharField(max_length=50, validators=[django.core.validators.RegexValidator('^[a-z][a-z0-9_]{0,49}$', 'Use lower-case letters, digits and underscores.')])),
                ('resource', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='practice.resource')),
                ('is_active', models.BooleanField(default=True)),
                ('version', models.PositiveIntegerField(default=1)),
                ('updated_at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'abstract': False,
                'triggers': [pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='1f63c7afef30fa7bd875d5490fd6cf8abaedb954', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_3c180', table='practice_roomevent', when='BEFORE'))],
            },
        ),
        migrations.CreateModel(
            name='StaffMember',
            fields=[
                ('password', models.CharField(max_length=128, verbose_name='password')),
                ('last_login', models.DateTimeField(blank=True, null=True, verbose_name='last login')),
                ('is_superuser', models.BooleanField(default=False, help_text='Designates that this user has all permissions without explicitly assigning them.', verbose_name='superuser status')),
                ('username', models.CharField(error_messages={'unique': 'A user with that username already exists.'}, help_text='Required. 150 characters or fewer. Letters, digits and @/./+/-/_ only.', max_length=150, unique=True, validators=[django.contrib.auth.validators.UnicodeUsernameValidator()], verbose_name='username')),
                ('first_name', models.CharField(blank=True, max_length=150, verbose_name='first name')),
                ('last_name', models.CharField(blank=True, max_length=150, verbose_name='last name')),
                ('email', models.EmailField(blank=True, max_length=254, verbose_name='email address')),
                ('is_staff', models.BooleanField(default=False, help_text='Designates whether the user can log into this admin site.', verbose_name='staff status')),
                ('is_active', models.BooleanField(default=True, help_text='Designates whether this user should be treated as active. Unselect this instead of deleting accounts.', verbose_name='active')),
                ('date_joined', models.DateTimeField(default=django.utils.timezone.now, verbose_name='date joined')),
                ('id', models.UUIDField(default=clinic.practice.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('practice', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='staff', to='practice.practice')),
                ('resource', models.OneToOneField(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='practitioner', to='practice.resource')),
                ('roles', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('front_desk', 'Front Desk'), ('prescriber', 'Prescriber'), ('monitor', 'Monitor'), ('therapist', 'Therapist'), ('operator', 'Operator'), ('clinical_lead', 'Clinical Lead'), ('practice_admin', 'Practice Admin')], max_length=20), blank=True, default=list, size=None)),
                ('skills', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=50), blank=True, default=list, size=None)),
                ('home_site', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='home_staff', to='practice.site')),
                ('buffer_minutes', models.PositiveSmallIntegerField(default=0)),
                ('travel_minutes', models.PositiveSmallIntegerField(default=60)),
                ('session_stamp', models.CharField(blank=True, default='', editable=False, max_length=32)),
                ('version', models.PositiveIntegerField(default=1)),
                ('updated_at', models.DateTimeField(auto_now=True)),
                ('groups', models.ManyToManyField(blank=True, help_text='The groups this user belongs to. A user will get all permissions granted to each of their groups.', related_name='user_set', related_query_name='user', to='auth.group', verbose_name='groups')),
                ('user_permissions', models.ManyToManyField(blank=True, help_text='Specific permissions for this user.', related_name='user_set', related_query_name='user', to='auth.permission', verbose_name='user permissions')),
            ],
            options={
                'verbose_name': 'user',
                'verbose_name_plural': 'users',
                'abstract': False,
                'constraints': [models.CheckConstraint(condition=models.Q(('roles__contained_by', ['front_desk', 'prescriber', 'monitor', 'therapist', 'operator', 'clinical_lead', 'practice_admin'])), name='staff_roles_known'), models.CheckConstraint(condition=models.Q(models.Q(('practice__isnull', True), ('resource__isnull', True)), models.Q(('practice__isnull', False), ('resource__isnull', False)), _connector='OR'), name='staff_of_practice_is_a_resource')],
                'triggers': [pgtrigger.compiler.Trigger(name='stamp_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func="\nIF coalesce(current_setting('clinic.writing', true), '') = '' THEN\n    PERFORM pg_advisory_xact_lock_shared(\n        1667788391, floor(date_part('epoch', clock_timestamp()) - 1577836800)::int);\n    PERFORM set_config('clinic.writing', '1', true);\nEND IF;\nNEW.updated_at := clock_timestamp(); RETURN NEW;", hash='7ee8bc655cc971d88ddc5162ac572d1cbe74b0b9', operation='INSERT', pgid='pgtrigger_stamp_insert_5a6d5', table='practice_staffmember', when='BEFORE')), pgtrigger.compiler.Trigger(name='stamp_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."buffer_minutes" IS DISTINCT FROM (NEW."buffer_minutes") OR OLD."date_joined" IS DISTINCT FROM (NEW."date_joined") OR OLD."email" IS DISTINCT FROM (NEW."email") OR OLD."first_name" IS DISTINCT FROM (NEW."first_name") OR OLD."home_site_id" IS DISTINCT FROM (NEW."home_site_id") OR OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."is_active" IS DISTINCT FROM (NEW."is_active") OR OLD."is_staff" IS DISTINCT FROM (NEW."is_staff") OR OLD."is_superuser" IS DISTINCT FROM (NEW."is_superuser") OR OLD."last_name" IS DISTINCT FROM (NEW."last_name") OR OLD."practice_id" IS DISTINCT FROM (NEW."practice_id") OR OLD."resource_id" IS DISTINCT FROM (NEW."resource_id") OR OLD."roles" IS DISTINCT FROM (NEW."roles") OR OLD."skills" IS DISTINCT FROM (NEW."skills") OR OLD."travel_minutes" IS DISTINCT FROM (NEW."travel_minutes") OR OLD."updated_at" IS DISTINCT FROM (NEW."updated_at") OR OLD."username" IS DISTINCT FROM (NEW."username") OR OLD."version" IS DISTINCT FROM (NEW."version"))', func="\nIF coalesce(current_setting('clinic.writing', true), '') = '' THEN\n    PERFORM pg_advisory_xact_lock_shared(\n        1667788391, floor(date_part('epoch', clock_timestamp()) - 1577836800)::int);\n    PERFORM set_config('clinic.writing', '1', true);\nEND IF;\nNEW.updated_at := clock_timestamp(); RETURN NEW;", hash='7e5ccdc18040c57cd8c277efc2afb4f59d98751c', operation='UPDATE', pgid='pgtrigger_stamp_update_977d5', table='practice_staffmember', when='BEFORE')), pgtrigger.compiler.Trigger(name='changes_roster', sql=pgtrigger.compiler.UpsertTriggerSql(func="\n                IF TG_OP = 'UPDATE' AND to_jsonb(OLD) - '{last_login,password,session_stamp}'::text[] = to_jsonb(NEW) - '{last_login,password,session_stamp}'::text[] THEN\n                    RETURN NULL;\n                END IF;\n                INSERT INTO practice_rosterstamp (practice_id, slot, value)\n                SELECT practice_id, pg_backend_pid() % 32, gen_random_uuid()\n                FROM (SELECT DISTINCT * FROM (VALUES (NEW.practice_id), (OLD.practice_id)) AS of_rows (practice_id)) AS touched\n                WHERE practice_id IS NOT NULL\n                ON CONFLICT (practice_id, slot) DO UPDATE SET value = EXCLUDED.value;\n                RETURN NULL;\n            ", hash='6dcaa9908086efb6fffed9296be0f02f8320c9d4', operation='INSERT OR UPDATE OR DELETE', pgid='pgtrigger_changes_roster_a8010', table='practice_staffmember', when='AFTER')), pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "practice_staffmemberevent" ("buffer_minutes", "date_joined", "email", "first_name", "home_site_id", "id", "is_active", "is_staff", "is_superuser", "last_name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "practice_id", "resource_id", "roles", "skills", "travel_minutes", "updated_at", "username", "version") VALUES (NEW."buffer_minutes", NEW."date_joined", NEW."email", NEW."first_name", NEW."home_site_id", NEW."id", NEW."is_active", NEW."is_staff", NEW."is_superuser", NEW."last_name", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."practice_id", NEW."resource_id", NEW."roles", NEW."skills", NEW."travel_minutes", NEW."updated_at", NEW."username", NEW."version"); RETURN NULL;', hash='156ffc0b1e5b2c66a4b8ca90e6ed132a75a5b6a9', operation='INSERT', pgid='pgtrigger_insert_insert_3d0d2', table='practice_staffmember', when='AFTER')), pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD."buffer_minutes" IS DISTINCT FROM (NEW."buffer_minutes") OR OLD."date_joined" IS DISTINCT FROM (NEW."date_joined") OR OLD."email" IS DISTINCT FROM (NEW."email") OR OLD."first_name" IS DISTINCT FROM (NEW."first_name") OR OLD."home_site_id" IS DISTINCT FROM (NEW."home_site_id") OR OLD."id" IS DISTINCT FROM (NEW."id") OR OLD."is_active" IS DISTINCT FROM (NEW."is_active") OR OLD."is_staff" IS DISTINCT FROM (NEW."is_staff") OR OLD."is_superuser" IS DISTINCT FROM (NEW."is_superuser") OR OLD."last_name" IS DISTINCT FROM (NEW."last_name") OR OLD."practice_id" IS DISTINCT FROM (NEW."practice_id") OR OLD."resource_id" IS DISTINCT FROM (NEW."resource_id") OR OLD."roles" IS DISTINCT FROM (NEW."roles") OR OLD."skills" IS DISTINCT FROM (NEW."skills") OR OLD."travel_minutes" IS DISTINCT FROM (NEW."travel_minutes") OR OLD."updated_at" IS DISTINCT FROM (NEW."updated_at") OR OLD."username" IS DISTINCT FROM (NEW."username") OR OLD."version" IS DISTINCT FROM (NEW."version"))', func='INSERT INTO "practice_staffmemberevent" ("buffer_minutes", "date_joined", "email", "first_name", "home_site_id", "id", "is_active", "is_staff", "is_superuser", "last_name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "practice_id", "resource_id", "roles", "skills", "travel_minutes", "updated_at", "username", "version") VALUES (NEW."buffer_minutes", NEW."date_joined", NEW."email", NEW."first_name", NEW."home_site_id", NEW."id", NEW."is_active", NEW."is_staff", NEW."is_superuser", NEW."last_name", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."practice_id", NEW."resource_id", NEW."roles", NEW."skills", NEW."travel_minutes", NEW."updated_at", NEW."username", NEW."version"); RETURN NULL;', hash='fc9a687035f35bad64909c786c5fad4d6baaf353', operation='UPDATE', pgid='pgtrigger_update_update_25fa0', table='practice_staffmember', when='AFTER')), pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "practice_staffmemberevent" ("buffer_minutes", "date_joined", "email", "first_name", "home_site_id", "id", "is_active", "is_staff", "is_superuser", "last_name", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "practice_id", "resource_id", "roles", "skills", "travel_minutes", "updated_at", "username", "version") VALUES (OLD."buffer_minutes", OLD."date_joined", OLD."email", OLD."first_name", OLD."home_site_id", OLD."id", OLD."is_active", OLD."is_staff", OLD."is_superuser", OLD."last_name", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."practice_id", OLD."resource_id", OLD."roles", OLD."skills", OLD."travel_minutes", OLD."updated_at", OLD."username", OLD."version"); RETURN NULL;', hash='c22002a3a364da0af82f255eb91f5bacd7fe58f3', operation='DELETE', pgid='pgtrigger_delete_delete_fe3bc', table='practice_staffmember', when='AFTER'))],
            },
            managers=[
                ('objects', django.contrib.auth.models.UserManager()),
            ],
        ),
        migrations.CreateModel(
            name='StaffMemberEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to=settings.AUTH_USER_MODEL)),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('is_superuser', models.BooleanField(default=False, help_text='Designates that this user has all permissions without explicitly assigning them.', verbose_name='superuser status')),
                ('username', models.CharField(error_messages={'unique': 'A user with that username already exists.'}, help_text='Required. 150 characters or fewer. Letters, digits and @/./+/-/_ only.', max_length=150, validators=[django.contrib.auth.validators.UnicodeUsernameValidator()], verbose_name='username')),
                ('first_name', models.CharField(blank=True, max_length=150, verbose_name='first name')),
                ('last_name', models.CharField(blank=True, max_length=150, verbose_name='last name')),
                ('email', models.EmailField(blank=True, max_length=254, verbose_name='email address')),
                ('is_staff', models.BooleanField(default=False, help_text='Designates whether the user can log into this admin site.', verbose_name='staff status')),
                ('is_active', models.BooleanField(default=True, help_text='Designates whether this user should be treated as active. Unselect this instead of deleting accounts.', verbose_name='active')),
                ('date_joined', models.DateTimeField(default=django.utils.timezone.now, verbose_name='date joined')),
                ('id', models.UUIDField(default=clinic.practice.ids.new_id, editable=False, serialize=False)),
                ('practice', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='practice.practice')),
                ('resource', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='practice.resource')),
                ('roles', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('front_desk', 'Front Desk'), ('prescriber', 'Prescriber'), ('monitor', 'Monitor'), ('therapist', 'Therapist'), ('operator', 'Operator'), ('clinical_lead', 'Clinical Lead'), ('practice_admin', 'Practice Admin')], max_length=20), blank=True, default=list, size=None)),
                ('skills', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=50), blank=True, default=list, size=None)),
                ('home_site', models.ForeignKey(blank=True, db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='practice.site')),
                ('buffer_minutes', models.PositiveSmallIntegerField(default=0)),
                ('travel_minutes', models.PositiveSmallIntegerField(default=60)),
                ('version', models.PositiveIntegerField(default=1)),
                ('updated_at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'abstract': False,
                'triggers': [pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='fab8e2f99ba7ce182753c4bab993da58c82ef233', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_2393a', table='practice_staffmemberevent', when='BEFORE'))],
            },
        ),
        migrations.CreateModel(
            name='Delegation',
            fields=[
                ('id', models.UUIDField(default=clinic.practice.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('practice', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='practice.practice')),
                ('staff', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='delegations', to=settings.AUTH_USER_MODEL)),
                ('delegate', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='stands_in', to=settings.AUTH_USER_MODEL)),
                ('starts_at', models.DateTimeField()),
                ('ends_at', models.DateTimeField()),
                ('version', models.PositiveIntegerField(default=1)),
                ('updated_at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'indexes': [models.Index(fields=['delegate', 'ends_at'], name='practice_de_delegat_35217d_idx'), models.Index(fields=['staff', 'ends_at'], name='practice_de_staff_i_5471bd_idx')],
                'constraints': [models.CheckConstraint(condition=models.Q(('starts_at__lt', models.F('ends_at'))), name='delegation_start_before_end'), models.CheckConstraint(condition=models.Q(('staff', models.F('delegate')), _negated=True), name='delegation_to_another')],
                'triggers': [pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "practice_delegationevent" ("delegate_id", "ends_at", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "practice_id", "staff_id", "starts_at", "updated_at", "version") VALUES (NEW."delegate_id", NEW."ends_at", NEW."id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."practice_id", NEW."staff_id", NEW."starts_at", NEW."updated_at", NEW."version"); RETURN NULL;', hash='fa04267bab5a1cd8a9cd5640dc33b210c4b2d717', operation='INSERT', pgid='pgtrigger_insert_insert_88c8b', table='practice_delegation', when='AFTER')), pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "practice_delegationevent" ("delegate_id", "ends_at", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "practice_id", "staff_id", "starts_at", "updated_at", "version") VALUES (NEW."delegate_id", NEW."ends_at", NEW."id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."practice_id", NEW."staff_id", NEW."starts_at", NEW."updated_at", NEW."version"); RETURN NULL;', hash='4cbc8a25ae82f15cffe49e3f2e7499771d44538f', operation='UPDATE', pgid='pgtrigger_update_update_dbbe6', table='practice_delegation', when='AFTER')), pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "practice_delegationevent" ("delegate_id", "ends_at", "id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "practice_id", "staff_id", "starts_at", "updated_at", "version") VALUES (OLD."delegate_id", OLD."ends_at", OLD."id", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."practice_id", OLD."staff_id", OLD."starts_at", OLD."updated_at", OLD."version"); RETURN NULL;', hash='6ab654292bcd589d855c9f986e832054ab83f434', operation='DELETE', pgid='pgtrigger_delete_delete_e14fe', table='practice_delegation', when='AFTER'))],
            },
        ),
        migrations.CreateModel(
            name='DelegationEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='practice.delegation')),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('id', models.UUIDField(default=clinic.practice.ids.new_id, editable=False, serialize=False)),
                ('practice', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='practice.practice')),
                ('staff', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                ('delegate', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                ('starts_at', models.DateTimeField()),
                ('ends_at', models.DateTimeField()),
                ('version', models.PositiveIntegerField(default=1)),
                ('updated_at', models.DateTimeField(auto_now=True)),
            ],
            options={
                'abstract': False,
                'triggers': [pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='67a6dba360cad5d6ff3e97be7ac27ab6c54b5b7b', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_4c395', table='practice_delegationevent', when='BEFORE'))],
            },
        ),
        migrations.CreateModel(
            name='IdempotencyKey',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('scope', models.CharField(max_length=120)),
                ('key', models.CharField(max_length=255)),
                ('fingerprint', models.CharField(max_length=64)),
                ('status_code', models.PositiveSmallIntegerField()),
                ('object_kind', models.CharField(max_length=40)),
                ('object_id', models.UUIDField()),
                ('created_at', models.DateTimeField(db_index=True)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('scope', 'key'), name='idempotency_key_once')],
            },
        ),
        migrations.CreateModel(
            name='ImportRun',
            fields=[
                ('id', models.UUIDField(default=clinic.practice.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('practice', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='practice.practice')),
                ('kind', models.CharField(max_length=20)),
                ('results', models.JSONField(null=True)),
                ('applied', models.BooleanField(default=False)),
                ('started_at', models.DateTimeField()),
                ('started_by', models.CharField(max_length=60)),
            ],
        ),
        migrations.CreateModel(
            name='IntegrationClient',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('client_id', models.CharField(db_index=True, default=oauth2_provider.generators.generate_client_id, max_length=255, unique=True, verbose_name='client ID')),
                ('user', models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.CASCADE, related_name='%(app_label)s_%(class)s', to=settings.AUTH_USER_MODEL, verbose_name='user')),
                ('redirect_uris', models.TextField(blank=True, help_text='Allowed URIs list, space separated', verbose_name='redirect URIs')),
                ('post_logout_redirect_uris', models.TextField(blank=True, default='', help_text='Allowed Post Logout URIs list, space separated', verbose_name='post logout redirect URIs')),
                ('client_type', models.CharField(choices=[('confidential', 'Confidential'), ('public', 'Public')], max_length=32, verbose_name='client type')),
                ('authorization_grant_type', models.CharField(choices=[('authorization-code', 'Authorization code'), ('urn:ietf:params:oauth:grant-type:device_code', 'Device Code'), ('implicit', 'Implicit'), ('password', 'Resource owner password-based'), ('client-credentials', 'Client credentials'), ('openid-hybrid', 'OpenID connect hybrid')], max_length=44, verbose_name='authorization grant type')),
                ('client_secret', oauth2_provider.models.ClientSecretField(blank=True, db_index=True, default=oauth2_provider.generators.generate_client_secret, help_text='Client secret for authentication', max_length=255, verbose_name='client secret')),
                ('hash_client_secret', models.BooleanField(default=True, verbose_name='hash client secret')),
                ('name', models.CharField(blank=True, max_length=255, verbose_name='name')),
                ('skip_authorization', models.BooleanField(default=False, verbose_name='skip authorization')),
                ('created', models.DateTimeField(auto_now_add=True, verbose_name='created')),
                ('updated', models.DateTimeField(auto_now=True, verbose_name='updated')),
                ('algorithm', models.CharField(blank=True, choices=[('', 'No OIDC support'), ('RS256', 'RSA with SHA-2 256'), ('HS256', 'HMAC with SHA-2 256')], default='', max_length=5, verbose_name='algorithm')),
                ('allowed_origins', models.TextField(blank=True, default='', help_text='Allowed origins list to enable CORS, space separated', verbose_name='allowed origins')),
                ('registration_source', models.CharField(choices=[('manual', 'Manual'), ('dcr', 'Dynamic Client Registration'), ('cimd', 'Client ID Metadata Document')], default='manual', help_text='How this application was registered (manual, DCR per RFC 7591, or CIMD)', max_length=32, verbose_name='registration source')),
                ('cimd_expires_at', models.DateTimeField(blank=True, default=None, help_text='When the cached Client ID Metadata Document should be re-fetched', null=True, verbose_name='CIMD expires at')),
                ('practice', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='practice.practice')),
                ('allowed_scopes', models.TextField(blank=True, default='')),
                ('is_active', models.BooleanField(default=True)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='MailChoice',
            fields=[
                ('staff', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, primary_key=True, related_name='mail_choice', serialize=False, to=settings.AUTH_USER_MODEL)),
                ('digest', models.BooleanField(default=True)),
                ('messages', models.BooleanField(default=True)),
                ('version', models.PositiveIntegerField(default=1)),
            ],
        ),
        migrations.CreateModel(
            name='PatientRead',
            fields=[
                ('id', models.UUIDField(default=clinic.practice.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('practice', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='practice.practice')),
                ('at', models.DateTimeField()),
                ('actor_ref', models.CharField(max_length=60)),
                ('actor_label', models.CharField(blank=True, max_length=200)),
                ('route', models.CharField(max_length=200)),
                ('request_id', models.CharField(blank=True, max_length=64)),
                ('patient_ids', django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), size=None)),
            ],
            options={
                'indexes': [models.Index(fields=['practice', 'at', 'id'], name='read_of_practice'), models.Index(fields=['actor_ref', 'at'], name='read_by'), django.contrib.postgres.indexes.GinIndex(fields=['patient_ids'], name='read_of_patient')],
                'triggers': [pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update rows from % table', TG_TABLE_NAME;", hash='f3a56c08644f267a91d76ed599ac9b7a0cca7f8a', operation='UPDATE', pgid='pgtrigger_append_only_9430e', table='practice_patientread', when='BEFORE')), pgtrigger.compiler.Trigger(name='kept_for_its_time', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.at >= now() - practice_reads_kept())', func="RAISE EXCEPTION 'pgtrigger: Cannot delete rows from % table', TG_TABLE_NAME;", hash='01be64eea59941bbda63fd374b9f900b83df212c', operation='DELETE', pgid='pgtrigger_kept_for_its_time_2a604', table='practice_patientread', when='BEFORE'))],
            },
        ),
        migrations.CreateModel(
            name='TrailEntry',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('practice', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='practice.practice')),
                ('at', models.DateTimeField()),
                ('recorded_at', models.DateTimeField(auto_now_add=True)),
                ('actor_ref', models.CharField(max_length=60)),
                ('actor_label', models.CharField(blank=True, max_length=200)),
                ('verb', models.CharField(max_length=60)),
                ('subject_kind', models.CharField(max_length=40)),
                ('subject_id', models.UUIDField()),
                ('course_id', models.UUIDField(null=True)),
                ('patient_id', models.UUIDField(null=True)),
                ('reason', models.TextField(blank=True)),
                ('data', models.JSONField(default=dict)),
                ('request_id', models.CharField(blank=True, max_length=64)),
            ],
            options={
                'indexes': [models.Index(fields=['subject_id', 'id'], name='practice_tr_subject_5e40e7_idx'), models.Index(fields=['course_id', 'id'], name='practice_tr_course__5c4501_idx'), models.Index(fields=['patient_id', 'id'], name='practice_tr_patient_8179e7_idx'), models.Index(fields=['practice', 'recorded_at', 'id'], name='practice_tr_practic_452321_idx')],
                'triggers': [pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='19661765f9996680c6a9b3f77411a01c78e0d14f', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_384bd', table='practice_trailentry', when='BEFORE')), pgtrigger.compiler.Trigger(name='stamp_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func="\nIF coalesce(current_setting('clinic.writing', true), '') = '' THEN\n    PERFORM pg_advisory_xact_lock_shared(\n        1667788391, floor(date_part('epoch', clock_timestamp()) - 1577836800)::int);\n    PERFORM set_config('clinic.writing', '1', true);\nEND IF;\nNEW.recorded_at := clock_timestamp(); RETURN NEW;", hash='9b3d5530ba5f89cac994dd0e578bb5c29c795902', operation='INSERT', pgid='pgtrigger_stamp_insert_57402', table='practice_trailentry', when='BEFORE'))],
            },
        ),
        migrations.CreateModel(
            name='WorkItem',
            fields=[
                ('id', models.UUIDField(default=clinic.practice.ids.new_id, editable=False, primary_key=True, serialize=False)),
                ('practice', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='work_items', to='practice.practice')),
                ('kind', models.CharField(max_length=40)),
                ('dedupe_key', models.CharField(max_length=200)),
                ('subject_kind', models.CharField(max_length=40)),
                ('subject_id', models.UUIDField()),
                ('patient_id', models.UUIDField(null=True)),
                ('role', models.CharField(choices=[('front_desk', 'Front Desk'), ('prescriber', 'Prescriber'), ('monitor', 'Monitor'), ('therapist', 'Therapist'), ('operator', 'Operator'), ('clinical_lead', 'Clinical Lead'), ('practice_admin', 'Practice Admin')], max_length=20)),
                ('assignee', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='work_items', to=settings.AUTH_USER_MODEL)),
                ('reason', models.CharField(blank=True, max_length=200)),
                ('due_at', models.DateTimeField()),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('done_at', models.DateTimeField(null=True)),
                ('done_by', models.CharField(max_length=60, null=True)),
            ],
            options={
                'indexes': [models.Index(condition=models.Q(('done_at__isnull', True)), fields=['practice', 'due_at'], name='work_open'), models.Index(condition=models.Q(('done_at__isnull', True)), fields=['subject_id'], name='work_open_of_subject')],
                'constraints': [models.UniqueConstraint(fields=('practice', 'dedupe_key'), name='work_item_once'), models.CheckConstraint(condition=models.Q(models.Q(('done_at__isnull', True), ('done_by__isnull', True)), models.Q(('done_at__isnull', False), ('done_by__isnull', False)), _connector='OR'), name='work_item_done_at_and_by')],
                'triggers': [pgtrigger.compiler.Trigger(name='insert_insert', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "practice_workitemevent" ("assignee_id", "created_at", "dedupe_key", "done_at", "done_by", "due_at", "id", "kind", "patient_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "practice_id", "reason", "role", "subject_id", "subject_kind") VALUES (NEW."assignee_id", NEW."created_at", NEW."dedupe_key", NEW."done_at", NEW."done_by", NEW."due_at", NEW."id", NEW."kind", NEW."patient_id", _pgh_attach_context(), NOW(), \'insert\', NEW."id", NEW."practice_id", NEW."reason", NEW."role", NEW."subject_id", NEW."subject_kind"); RETURN NULL;', hash='f5818995cfcd7f64f52f1d8058fb4ace6fa52685', operation='INSERT', pgid='pgtrigger_insert_insert_a78e1', table='practice_workitem', when='AFTER')), pgtrigger.compiler.Trigger(name='update_update', sql=pgtrigger.compiler.UpsertTriggerSql(condition='WHEN (OLD.* IS DISTINCT FROM NEW.*)', func='INSERT INTO "practice_workitemevent" ("assignee_id", "created_at", "dedupe_key", "done_at", "done_by", "due_at", "id", "kind", "patient_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "practice_id", "reason", "role", "subject_id", "subject_kind") VALUES (NEW."assignee_id", NEW."created_at", NEW."dedupe_key", NEW."done_at", NEW."done_by", NEW."due_at", NEW."id", NEW."kind", NEW."patient_id", _pgh_attach_context(), NOW(), \'update\', NEW."id", NEW."practice_id", NEW."reason", NEW."role", NEW."subject_id", NEW."subject_kind"); RETURN NULL;', hash='9e801871b8e6c2a8cbd5a394110d5de07afbe0c0', operation='UPDATE', pgid='pgtrigger_update_update_64faa', table='practice_workitem', when='AFTER')), pgtrigger.compiler.Trigger(name='delete_delete', sql=pgtrigger.compiler.UpsertTriggerSql(func='INSERT INTO "practice_workitemevent" ("assignee_id", "created_at", "dedupe_key", "done_at", "done_by", "due_at", "id", "kind", "patient_id", "pgh_context_id", "pgh_created_at", "pgh_label", "pgh_obj_id", "practice_id", "reason", "role", "subject_id", "subject_kind") VALUES (OLD."assignee_id", OLD."created_at", OLD."dedupe_key", OLD."done_at", OLD."done_by", OLD."due_at", OLD."id", OLD."kind", OLD."patient_id", _pgh_attach_context(), NOW(), \'delete\', OLD."id", OLD."practice_id", OLD."reason", OLD."role", OLD."subject_id", OLD."subject_kind"); RETURN NULL;', hash='59e040b2f4b10f1e7e14d2b1df558cc759cd0586', operation='DELETE', pgid='pgtrigger_delete_delete_c6291', table='practice_workitem', when='AFTER'))],
            },
        ),
        migrations.CreateModel(
            name='WorkItemEvent',
            fields=[
                ('pgh_id', models.AutoField(primary_key=True, serialize=False)),
                ('pgh_created_at', models.DateTimeField(auto_now_add=True)),
                ('pgh_label', models.TextField(help_text='The event label.')),
                ('pgh_obj', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='events', to='practice.workitem')),
                ('pgh_context', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', to='pghistory.context')),
                ('id', models.UUIDField(default=clinic.practice.ids.new_id, editable=False, serialize=False)),
                ('practice', models.ForeignKey(db_constraint=False, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to='practice.practice')),
                ('kind', models.CharField(max_length=40)),
                ('dedupe_key', models.CharField(max_length=200)),
                ('subject_kind', models.CharField(max_length=40)),
                ('subject_id', models.UUIDField()),
                ('patient_id', models.UUIDField(null=True)),
                ('role', models.CharField(choices=[('front_desk', 'Front Desk'), ('prescriber', 'Prescriber'), ('monitor', 'Monitor'), ('therapist', 'Therapist'), ('operator', 'Operator'), ('clinical_lead', 'Clinical Lead'), ('practice_admin', 'Practice Admin')], max_length=20)),
                ('assignee', models.ForeignKey(db_constraint=False, null=True, on_delete=django.db.models.deletion.DO_NOTHING, related_name='+', related_query_name='+', to=settings.AUTH_USER_MODEL)),
                ('reason', models.CharField(blank=True, max_length=200)),
                ('due_at', models.DateTimeField()),
                ('created_at', models.DateTimeField(auto_now_add=True)),
                ('done_at', models.DateTimeField(null=True)),
                ('done_by', models.CharField(max_length=60, null=True)),
            ],
            options={
                'abstract': False,
                'triggers': [pgtrigger.compiler.Trigger(name='append_only', sql=pgtrigger.compiler.UpsertTriggerSql(func="RAISE EXCEPTION 'pgtrigger: Cannot update or delete rows from % table', TG_TABLE_NAME;", hash='7ec98e702110566ff8170f548b11230d4f1c1516', operation='UPDATE OR DELETE', pgid='pgtrigger_append_only_6db31', table='practice_workitemevent', when='BEFORE'))],
            },
        ),
        migrations.RunSQL(FORGET, "DROP FUNCTION practice_forget_reads(integer)"),
    ]
