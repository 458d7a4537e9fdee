"""`manage.py lint_templates`: every template, filled with long but lawful facts, must be neutral and fit one
SMS.
"""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError

from notifications import decision, neutral, rendering
from notifications.ports import Facts, Visit
from notifications.rendering import Reader

# The longest of each that a practice may have: an SMS must hold them in one part.
CLINIC = "Fairhaven Riverside Practice of Northport"[:40]
PHONE = "+12025550100"
LINK = f"https://visits.example.org/v/{'x' * 22}"


def samples() -> dict[str, Facts]:
    """One visit with a zone to name, more visits than fit; without a phone, and without a link."""
    start = datetime(2026, 9, 30, 14, tzinfo=UTC)
    visits = tuple(
        Visit(
            uid=UUID(int=number),
            sequence=1,
            start=start + timedelta(days=2 * number),
            end=start + timedelta(days=2 * number, hours=2),
            zone="America/New_York",
            place="1 Harbor Street, Northport",
        )
        for number in range(12)
    )
    return {
        "one visit": Facts(visits=visits[:1], phone=PHONE, count=1, link=LINK),
        "twelve visits": Facts(visits=visits, phone=PHONE, count=12, link=LINK),
        "no phone": Facts(visits=visits[:1], count=2, link=LINK),
        "no link": Facts(visits=visits[:1], phone=PHONE, count=2),
    }


def problems() -> list[str]:
    """`template (sample): code: detail`, one for each that was found."""
    found: list[str] = []
    for path in sorted(templates()):
        language = path.parent.name
        kind, channel = path.name.split(".")[:2]
        for name, facts in samples().items():
            reader = Reader(language=language, zone="America/Los_Angeles", clinic=CLINIC)
            rendered = rendering.render(kind=kind, channel=channel, reader=reader, facts=facts)
            hits = [
                str(hit) for hit in decision.lint(rendered=rendered, sender_name=CLINIC, language=language)
            ]
            if channel == "sms" and neutral.segments(rendered.text) != 1:
                hits.append("more than one part")
            if re.search(r"\{[{%]|\bNone\b|\(\s*\)|  ", rendered.text):
                hits.append("something was left unfilled")
            found += [f"{path.parent.name}/{path.name} ({name}): {hit}" for hit in hits]
    return found


def templates() -> list[Path]:
    return list(rendering.FOLDER.glob("*/*.txt"))


class Command(BaseCommand):
    requires_system_checks = ()
    help = "Check that every message template is neutral (R-02) and fits one SMS (R-06)."

    def handle(self, *args: object, **options: object) -> None:
        found = problems()
        if found:
            raise CommandError("\n".join(found))
        self.stdout.write(f"{len(templates())} message templates are neutral")
