"""`manage.py list_practices`: what the other commands ask for."""

from typing import Any

from django.core.management.base import BaseCommand

from clinic.practice.models import Practice


class Command(BaseCommand):
    help = "List the practices of this installation: id and name, one a line."

    def handle(self, *args: Any, **options: Any) -> None:
        for practice_id, name in Practice.objects.order_by("name", "pk").values_list("pk", "name"):
            self.stdout.write(f"{practice_id}  {name}")
