"""Debian's Chromium: the path in CHROMIUM, or the first of these that is there."""

import os
from pathlib import Path

# The first has no window of its own to draw beside each page.
PLACES = ("/usr/bin/chromium-headless-shell", "/usr/bin/chromium")


def chromium() -> str | None:
    """The browser's path; None where there is none."""
    named = os.environ.get("CHROMIUM")
    return next((path for path in ([named] if named else PLACES) if Path(path).exists()), None)
