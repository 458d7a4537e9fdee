"""The mark of a practice's roster: another one after every change of who works when, and what is open."""

from typing import Any, ClassVar

import pgtrigger
from django.db import models

SLOTS = 32


class RosterStamp(models.Model):
    """A few rows a practice, kept by triggers. A value is never used twice, so whoever holds what was read
    under equal values holds the roster as it is.

    Each database connection has its own slot, so that two who change the roster at once seldom wait for each
    other. The practice is named by value: its last rows may be deleted after it.
    """

    practice_id = models.UUIDField()
    slot = models.PositiveSmallIntegerField()
    value = models.UUIDField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["practice_id", "slot"], name="roster_stamp_once"),
        ]

    def __str__(self) -> str:
        return str(self.value)


class ChangesRoster(pgtrigger.Trigger):
    """A change of such a row gives its practice a new stamp. `practices` selects the ids of the practices
    that NEW and OLD belong to.
    """

    # What a sign-in writes about a member of staff is nothing of the roster.
    IGNORED = "'{last_login,password,session_stamp}'::text[]"

    def __init__(self, practices: str, **options: Any) -> None:
        super().__init__(
            name="changes_roster",
            when=pgtrigger.After,
            operation=pgtrigger.Insert | pgtrigger.Update | pgtrigger.Delete,
            func=f"""
                IF TG_OP = 'UPDATE' AND to_jsonb(OLD) - {self.IGNORED} = to_jsonb(NEW) - {self.IGNORED} THEN
                    RETURN NULL;
                END IF;
                INSERT INTO practice_rosterstamp (practice_id, slot, value)
                SELECT practice_id, pg_backend_pid() % {SLOTS}, gen_random_uuid()
                FROM (SELECT DISTINCT * FROM ({practices}) AS of_rows (practice_id)) AS touched
                WHERE practice_id IS NOT NULL
                ON CONFLICT (practice_id, slot) DO UPDATE SET value = EXCLUDED.value;
                RETURN NULL;
            """,
            **options,
        )


OF_PRACTICE = "VALUES (NEW.practice_id), (OLD.practice_id)"
OF_SITE = "SELECT practice_id FROM practice_site WHERE id IN (NEW.site_id, OLD.site_id)"
OF_STAFF = "SELECT practice_id FROM practice_staffmember WHERE id IN (NEW.staff_id, OLD.staff_id)"
