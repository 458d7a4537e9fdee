"""`manage.py keep_reads`: for how long it is kept who looked at whose record."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from clinic.practice import reads
from clinic.practice.management import refusals


class Command(BaseCommand):
    help = "Say for how many months the log of reads is kept (72 at first), as the owner of the tables."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("months", type=int, nargs="?", help="without it nothing changes")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["months"] is not None:
            with refusals.told():
                reads.keep(months=options["months"])
        self.stdout.write(f"kept for {reads.kept_months()} months")
