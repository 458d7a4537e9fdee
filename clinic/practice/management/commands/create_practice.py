"""`manage.py create_practice`: the first practice, or a further one, with somebody who can sign in."""

import secrets
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

from clinic.practice import founding
from clinic.practice.management import refusals

# 24 characters: more than the 15 that a password must have.
PASSWORD_BYTES = 18


class Command(BaseCommand):
    help = "Make a practice, its first site and its first administrator, whose password is shown once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="the practice's name, for staff")
        parser.add_argument(
            "--message-name", required=True, help="its name in messages: it must not tell the treatment"
        )
        parser.add_argument("--phone", default="", help="its number in messages, such as +12025550100")
        parser.add_argument("--site", required=True, help="the name of its first site")
        parser.add_argument(
            "--time-zone", required=True, metavar="ZONE", help="that site's, such as America/New_York"
        )
        parser.add_argument("--admin", required=True, metavar="USERNAME", help="who may sign in")
        parser.add_argument("--email", default="", help="the administrator's address")

    def handle(self, *args: Any, **options: Any) -> None:
        password = secrets.token_urlsafe(PASSWORD_BYTES)
        practice = {
            "name": options["name"],
            "message_name": options["message_name"],
            "phone": options["phone"],
        }
        with refusals.told():
            made = founding.found(
                practice=practice,
                site={"name": options["site"], "time_zone": options["time_zone"]},
                username=options["admin"],
                password=password,
                email=options["email"],
                now=timezone.now(),
            )
        self.stdout.write(f"practice: {made.practice.pk}")
        self.stdout.write(f"site: {made.site.pk}")
        self.stdout.write(f"username: {made.admin.username}")
        self.stdout.write(f"password: {password}")
        self.stderr.write("The password is not shown again; `changepassword` sets another.")
