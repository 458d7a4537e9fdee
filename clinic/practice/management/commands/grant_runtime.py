"""`manage.py grant_runtime`: what the role of web and workers may do; run as the owner of the tables."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction

from clinic.practice import runtime_role


class Command(BaseCommand):
    help = (
        "Grant a role what web and workers need, and nothing else. Run it after each `migrate`, as the owner."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("role", help="an existing role that owns nothing, such as clinic_runtime")

    def handle(self, *args: Any, **options: Any) -> None:
        with transaction.atomic():
            kept = runtime_role.grant(role=options["role"])
        self.stdout.write(f"granted; {len(kept)} tables are append-only")
