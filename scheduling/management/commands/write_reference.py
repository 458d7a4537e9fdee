"""`manage.py write_reference`: write the generated files of docs/, or say which are out of step."""

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from scheduling.management.reference import pages


class Command(BaseCommand):
    help = "Write the generated files of docs/; with --check only say which are out of step, and exit with 1."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        found = pages.stale()
        if not options["check"]:
            pages.write()
        for name in found:
            self.stdout.write(f"{'out of step' if options['check'] else 'written'}: docs/{name}")
        if options["check"] and found:
            sys.exit(1)
