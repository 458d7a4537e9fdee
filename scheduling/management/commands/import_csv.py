"""`manage.py import_csv`: read in patients or coming appointments, as the API does."""

import argparse
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from clinic.practice import actor as actors
from clinic.practice import queries, tables
from clinic.practice.importing import Mode, Outcome
from clinic.practice.management import refusals
from patients import importing as patients
from scheduling.booking.intake import importing as appointments

KINDS = {"patients": patients.run, "appointments": appointments.run}
HEADER = ("line", "external_system", "external_value", "outcome", "id", "column", "code", "message")


class Command(BaseCommand):
    help = "Read in a CSV file, or try it: without --apply nothing is written. The report is CSV."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("practice_id", type=UUID, help="as `list_practices` shows it")
        parser.add_argument("kind", choices=sorted(KINDS))
        parser.add_argument("file", type=Path)
        parser.add_argument("--apply", action="store_true", help="write what can be written")
        parser.add_argument(
            "--all-or-nothing",
            action=argparse.BooleanOptionalAction,
            default=False,
            help="one refused row takes everything back",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        actor = actors.system(practice_id=options["practice_id"])
        with refusals.told():
            queries.practice(actor=actor)
            report = KINDS[options["kind"]](
                actor=actor,
                now=timezone.now(),
                file=self._read(options["file"]),
                mode=Mode.APPLY if options["apply"] else Mode.DRY_RUN,
                all_or_nothing=options["all_or_nothing"],
            )
        rows = []
        for one in report.results:
            named = (one.line, one.system, one.value, one.outcome.value, one.object_id or "")
            rows += [(*named, fault.column, fault.code, fault.message) for fault in one.errors] or [
                (*named, "", "", "")
            ]
        self.stdout.write(tables.write(header=HEADER, rows=rows), ending="")
        counts = ", ".join(f"{report.count(one)} {one.value}" for one in Outcome)
        self.stderr.write(f"{counts}; {'applied' if report.applied else 'nothing written'}")

    @staticmethod
    def _read(file: Path) -> str:
        try:
            if file.stat().st_size > tables.MOST_BYTES:
                raise CommandError(f"{file} is larger than {tables.MOST_BYTES // 1_000_000} MB: split it.")
            return tables.decode(file.read_bytes())
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}") from error
