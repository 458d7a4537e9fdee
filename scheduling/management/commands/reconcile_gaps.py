"""`manage.py reconcile_gaps`: is every stored follow-up record true? Exits with 1, and says where, when one
is not.
"""

import sys
from typing import Any

import structlog
from django.core.management.base import BaseCommand
from django.utils import timezone

from scheduling.followups import reconcile

log = structlog.get_logger("scheduling.reconcile")
SHOWN = 50


class Command(BaseCommand):
    help = "Recompute every follow-up record by independent ways and report what differs. Changes nothing."

    def handle(self, *args: Any, **options: Any) -> None:
        found = reconcile.confirmed(clock=timezone.now)
        for one in found[:SHOWN]:
            self.stdout.write(f"{one.check}: course {one.course_id}, {one.subject}")
        self.stdout.write(f"differences: {len(found)}")
        if found:
            log.error("follow_up_records_differ", count=len(found))
            sys.exit(1)
