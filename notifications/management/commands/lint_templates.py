"""`manage.py lint_templates`: every template, filled with long but lawful facts, must be neutral and fit one
SMS.
"""

import re
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError

from notifications import neutral
from notifications.wording import checking, rendering, samples, texts
from notifications.wording.rendering import Reader


def problems() -> list[str]:
    """`template (sample): code: detail`, one for each that was found."""
    found: list[str] = []
    for path in sorted(templates()):
        language = path.parent.name
        kind, channel = path.name.split(".")[:2]
        for sample in samples.longest():
            reader = Reader(language=language, zone=sample.zone, clinic=samples.CLINIC)
            rendered = rendering.render(kind=kind, channel=channel, reader=reader, facts=sample.facts)
            found_here = checking.lint(rendered=rendered, sender_name=samples.CLINIC, language=language)
            hits = [str(hit) for hit in found_here]
            if channel == "sms" and neutral.segments(rendered.text) != 1:
                hits.append("more than one part")
            if re.search(r"[{}\[\]|]|\bNone\b|\(\s*\)|  ", rendered.text):
                hits.append("something was left unfilled")
            found += [f"{path.parent.name}/{path.name} ({sample.name}): {hit}" for hit in hits]
    return found


def templates() -> list[Path]:
    return list(texts.FOLDER.glob("*/*.txt"))


class Command(BaseCommand):
    requires_system_checks = ()
    help = "Check that every message template is neutral (R-02) and fits one SMS (R-06)."

    def handle(self, *args: object, **options: object) -> None:
        found = problems()
        if found:
            raise CommandError("\n".join(found))
        self.stdout.write(f"{len(templates())} message templates are neutral")
