"""`manage.py read_bounce < mail`: for the pipe of a mail server."""

import sys

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from notifications.inbox import bounces


class Command(BaseCommand):
    requires_system_checks = ()
    help = (
        "Take one mail of the bounce mailbox from standard input; what is no bounce of ours changes nothing."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--to", default="", help="whom it was delivered to, as the mail server says")

    def handle(self, *args: object, **options: str) -> None:
        bounces.take(raw=sys.stdin.buffer.read(), to=options["to"], now=timezone.now())
