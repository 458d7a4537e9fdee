"""`manage.py load_protocols`: give a practice the protocol library, or protocols of its own."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from clinic.practice import actor as actors
from clinic.practice import queries
from clinic.practice.management import refusals
from scheduling.booking.protocol import protocols


class Command(BaseCommand):
    help = "Store protocols in a practice; harmless to repeat, only a changed one becomes a new version."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("practice_id", type=UUID, help="as `list_practices` shows it")
        parser.add_argument(
            "file",
            type=Path,
            nargs="?",
            default=protocols.LIBRARY,
            help='{"protocols": [...]}; without it the library that comes with the product',
        )

    def handle(self, *args: Any, **options: Any) -> None:
        documents = self._read(options["file"])
        actor = actors.system(practice_id=options["practice_id"])
        with refusals.told():
            queries.practice(actor=actor)
        for number, document in enumerate(documents):
            named = document.get("key", number) if isinstance(document, dict) else number
            try:
                with refusals.told():
                    stored = protocols.create(actor=actor, document=document, now=timezone.now())
            except CommandError as error:
                raise CommandError(f"protocol {named}: {error}") from error
            plannable = "" if stored.is_plannable else ", not plannable"
            self.stdout.write(f"{stored.template.key}: version {stored.version}{plannable}")

    @staticmethod
    def _read(file: Path) -> list[Any]:
        try:
            found = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise CommandError(f"{file} cannot be read: {error}") from error
        documents = found.get("protocols") if isinstance(found, dict) else None
        if not isinstance(documents, list):
            raise CommandError(f'{file} is not an object with a list "protocols"')
        return documents
