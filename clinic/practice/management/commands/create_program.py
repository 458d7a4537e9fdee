"""`manage.py create_program`: register a program of a practice for the API."""

from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from clinic.practice import actor as actors
from clinic.practice import permissions, programs
from clinic.practice.management import refusals


class Command(BaseCommand):
    help = "Register a program that may use the API for one practice; its secret is shown once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("practice_id", type=UUID, help="as `list_practices` shows it")
        parser.add_argument("name", help="the program's name")
        which = parser.add_mutually_exclusive_group(required=True)
        which.add_argument("--scopes", help='what its tokens may carry, such as "read:courses read:gaps"')
        which.add_argument("--all-scopes", action="store_true", help="everything that a program may do")

    def handle(self, *args: Any, **options: Any) -> None:
        scopes = set(permissions.SCOPES) if options["all_scopes"] else set(options["scopes"].split())
        with refusals.told():
            client, secret = programs.register(
                actor=actors.system(practice_id=options["practice_id"]),
                name=options["name"],
                scopes=scopes,
                now=timezone.now(),
            )
        self.stdout.write(f"client_id: {client.client_id}")
        self.stdout.write(f"client_secret: {secret}")
        self.stderr.write("The secret is not shown again: only a hash of it is kept.")
