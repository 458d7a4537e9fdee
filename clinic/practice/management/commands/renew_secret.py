"""`manage.py renew_secret`: a new secret for a program that has lost its own, or whose secret has leaked."""

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from clinic.practice import actor as actors
from clinic.practice import programs
from clinic.practice.management import refusals


class Command(BaseCommand):
    help = "Give a program a new secret, shown once; the former one stops working."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("practice_id", type=UUID, help="as `list_practices` shows it")
        parser.add_argument("client_id", help="as `create_program` showed it")

    def handle(self, *args: Any, **options: Any) -> None:
        with refusals.told():
            secret = programs.renew_secret(
                actor=actors.system(practice_id=options["practice_id"]),
                client_id=options["client_id"],
                now=timezone.now(),
            )
        self.stdout.write(f"client_secret: {secret}")
