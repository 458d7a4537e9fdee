"""The moment of the pictures: always the same, so that one differs when its screen does.

As a WSGI module it is the product at that moment.
"""

from datetime import UTC, datetime

from django.utils import timezone

# A Monday, 13:50 in the demo's first clinic: people are expected, here, and gone.
MOMENT = datetime(2026, 11, 16, 18, 50, tzinfo=UTC)


def fix() -> None:
    """From here on this process reads this moment on the clock."""
    timezone.now = lambda: MOMENT


fix()

from clinic.config.wsgi import application  # noqa: E402, F401  after the clock
