"""What `migrate` and `check --deploy --database default` ask: whether anything is kept shorter than the law
asks (R-21). So no release starts below it."""

from collections.abc import Collection
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.db import ProgrammingError

from clinic.practice import reads

TOO_SHORT = "clinic.E002"


def check(databases: Collection[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """Who looked at whose record; all else that the law speaks of is kept always."""
    if not databases:
        return []
    try:
        months = reads.kept_months()
    except ProgrammingError:
        # Before the first migration nothing is kept.
        return []
    least = settings.LAW_RECORDS_KEPT_MONTHS
    if months >= least:
        return []
    return [
        Error(
            f"The log of reads is kept for {months} months: the law asks for {least}.",
            hint=f"`manage.py keep_reads {least}`, or say in LAW_RECORDS_KEPT_MONTHS what it asks of you.",
            id=TOO_SHORT,
        )
    ]
