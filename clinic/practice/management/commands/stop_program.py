"""`manage.py stop_program`: a program may do nothing any more, from its next request on."""

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from clinic.practice import actor as actors
from clinic.practice import programs
from clinic.practice.management import refusals


class Command(BaseCommand):
    help = "Stop a program at once: its tokens end and it gets no others. --resume lets it in again."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("practice_id", type=UUID, help="as `list_practices` shows it")
        parser.add_argument("client_id", help="as `create_program` showed it")
        parser.add_argument("--resume", action="store_true", help="let it in again, with its secret")

    def handle(self, *args: Any, **options: Any) -> None:
        with refusals.told():
            programs.switch(
                actor=actors.system(practice_id=options["practice_id"]),
                client_id=options["client_id"],
                on=options["resume"],
                now=timezone.now(),
            )
        self.stdout.write("resumed" if options["resume"] else "stopped")
