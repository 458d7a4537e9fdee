"""`manage.py grant_runtime`: what the role of web and workers may do; run as the owner of the tables."""

import os
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction

from clinic.practice import runtime_role
from clinic.practice.management import refusals


class Command(BaseCommand):
    help = (
        "Grant a role what web and workers need, and nothing else. Run it after each `migrate`, as the owner."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("role", help="a role that owns nothing, such as clinic_runtime")
        parser.add_argument(
            "--create",
            action="store_true",
            help="make the role unless it is there, with RUNTIME_PASSWORD of the environment, if set",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        with refusals.told(), transaction.atomic():
            if options["create"]:
                password = os.environ.get("RUNTIME_PASSWORD", "")
                runtime_role.create(role=options["role"], password=password)
            kept = runtime_role.grant(role=options["role"])
        self.stdout.write(f"granted; {len(kept)} tables are append-only")
