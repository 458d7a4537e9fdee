"""`manage.py load_demo`: two invented clinics with sixty invented patients, made through the product's own
use cases.
"""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import connection, transaction
from django.utils import timezone

from clinic.practice import trail
from clinic.practice.models import TrailEntry
from patients.models import Patient
from scheduling.followups import gaps
from scheduling.management.demo import answers, courses, patients, place, plans
from scheduling.management.demo.credentials import Credentials
from scheduling.management.demo.place import Built
from scheduling.management.demo.replay import Replay
from scheduling.management.demo.stories import STORIES

LOADED = "demo.loaded"


class Command(BaseCommand):
    help = "Load the demo: harmless to repeat, a second run goes on where the first stopped."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--empty", action="store_true", help="one practice with rooms and staff, no patients"
        )
        parser.add_argument("--credentials-file", type=Path, required=True, help="where to keep the logins")

    def handle(self, *args: Any, **options: Any) -> None:
        now = timezone.now().replace(microsecond=0)
        with connection.cursor() as cursor:
            # A crash loses the last moments of the loading, and the next run plays them again.
            cursor.execute("SET synchronous_commit = off")
        credentials = Credentials(options["credentials_file"])
        wanted = plans.PRACTICES[:1] if options["empty"] else plans.PRACTICES
        began = now - place.BEGAN
        clinics = [place.build(plan=plan, credentials=credentials, now=began) for plan in wanted]
        for built in clinics:
            for member in built.staff.values():
                credentials.add(member=member, practice=built.practice.name, actor=built.actor, now=now)
        credentials.add_program(actor=clinics[0].actor, now=now)
        credentials.write()
        place.weekly_groups(built=clinics[0], now=now)
        if not options["empty"]:
            refused = self._fill(clinics, now)
            for line in refused:
                self.stderr.write(f"left out: {line}")
        self.stdout.write(f"demo: {len(clinics)} practices, {Patient.objects.count()} patients")

    def _fill(self, clinics: list[Built], now: datetime) -> list[str]:
        """Patients and their courses, once; what a killed run began is carried on."""
        first = clinics[0]
        if TrailEntry.objects.filter(subject_id=first.practice.pk, verb=LOADED).exists():
            return []
        place.close_and_leave(built=first, now=now - place.BEGAN)
        by_site = {name: built for built in clinics for name in built.sites}
        entered = patients.enter(clinics=by_site, now=now - timedelta(weeks=20))
        replay = Replay(now=now)
        waiting = {site: iter(people) for site, people in entered.items()}
        for story in STORIES:
            courses.tell(
                story=story, built=by_site[story.site], patient=next(waiting[story.site]), replay=replay
            )
        replay.run()
        answers.tell(practice=first.practice, now=now)
        while gaps.sweep(now=now):
            pass
        with transaction.atomic(durable=True):
            step = trail.Step(LOADED, "practice", first.practice.pk)
            trail.record(actor=first.actor, at=now, steps=[step])
        return replay.refused
