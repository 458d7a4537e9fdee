"""A reminder's whole way: booked by one process, sent by a real worker, whatever Redis does meanwhile."""

import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import pytest
from django.utils import timezone

from clinic.local.home import Child, Home
from clinic.local.providers import SmsProvider, SmtpCatcher
from clinic.local.redis import RedisServer
from notifications.models import Message
from patients.models import Patient
from scheduling.booking.course import courses
from scheduling.models import Appointment
from tests import factories
from tests.notifications import making

pytestmark = pytest.mark.django_db(transaction=True)

BOOK = """
    import sys
    import django
    django.setup()
    from datetime import timedelta
    from django.utils import timezone
    from patients.models import Patient
    from scheduling.booking.course import courses
    from tests import factories
    someone = Patient.objects.get(pk=sys.argv[1])
    now = timezone.now()
    who = factories.admin(someone.practice)
    [proposal, *_] = courses.propose(
        actor=who, patient_id=someone.pk, protocol_key=factories.IV, protocol_id=None, preferences=None,
        start_on_or_after=(now + timedelta(days=7)).date(), overrides=[], alternatives=1, now=now,
    )
    print(courses.book(actor=who, key=None, now=now, proposal=proposal.token))
"""


@dataclass
class Shop:
    """A clinic, its own Redis, and a worker with a beat."""

    clinic: factories.Clinic
    redis: RedisServer
    environment: dict[str, str]

    def patient(self) -> Patient:
        return factories.patient(self.clinic.site, time_zone=zone_where_it_is_day(timezone.now()))

    def book(self, someone: Patient) -> UUID:
        """A whole course, booked by a process of its own."""
        done = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(BOOK), str(someone.pk)],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return UUID(done.stdout.strip())


@pytest.fixture
def shop(sms_provider: SmsProvider, smtp_catcher: SmtpCatcher) -> Iterator[Shop]:
    with Home() as home:
        redis = RedisServer(home=home, data=None, log=home.path / "redis.log")
        redis.start()
        environment = making.child_environment() | {"REDIS_URL": redis.url(), "MESSAGE_GRACE_SECONDS": "0"}
        worker(home, environment)
        yield Shop(factories.small_clinic(), redis, environment)


def worker(home: Home, environment: dict[str, str]) -> Child:
    app = (sys.executable, "-m", "celery", "--app", "clinic.config.celery:app", "--quiet")
    schedule = str(home.path / "beat")
    return home.start(
        name="worker",
        command=[
            *app,
            "worker",
            "--beat",
            "--schedule",
            schedule,
            "--concurrency",
            "1",
            "--loglevel",
            "warning",
        ],
        log=home.path / "worker.log",
        env=environment,
    )


def test_a_course_is_told_once_by_both_channels_and_its_reminders_go_with_it(
    shop: Shop, sms_provider: SmsProvider, smtp_catcher: SmtpCatcher
) -> None:
    someone = shop.patient()
    course_id = shop.book(someone)
    wait_until(lambda: sms_provider.inbox() and smtp_catcher.inbox())
    [sms], [email] = sms_provider.inbox(), smtp_catcher.inbox()
    reminders = Message.objects.filter(course_id=course_id, kind__startswith="reminder_")
    # A visit of tomorrow is too near for a reminder.
    visits = Appointment.objects.filter(course_id=course_id).count()
    assert f"your {visits} visits are booked" in sms["body"]
    assert email["calendar"][0].count("BEGIN:VEVENT") == visits
    wait_until(lambda: Message.objects.filter(state="accepted").count() == 2)
    assert set(reminders.values_list("state", flat=True)) == {"planned"}
    courses.cancel(
        actor=shop.clinic.admin, course_id=course_id, reason="the patient moved away", now=timezone.now()
    )
    assert set(reminders.values_list("state", flat=True)) == {"cancelled"}


def test_without_redis_a_course_is_booked_and_told_when_it_is_back(
    shop: Shop, sms_provider: SmsProvider
) -> None:
    someone = shop.patient()
    assert shop.redis.child is not None
    shop.redis.child.stop()
    course_id = shop.book(someone)
    waiting = Message.objects.filter(subject_id=course_id)
    assert set(waiting.values_list("state", flat=True)) == {"planned"}
    assert sms_provider.inbox() == []
    shop.redis.launch()
    wait_until(lambda: waiting.filter(state="accepted").count() == 2)
    assert len(sms_provider.inbox()) == 1


def zone_where_it_is_day(now: datetime) -> str:
    """A zone in which it is noon, or an hour later: the signs of these names are turned round."""
    behind = now.hour - 12
    return f"Etc/GMT{behind:+d}" if behind else "Etc/GMT"


def wait_until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + timedelta(minutes=2).total_seconds()
    while not true():
        if time.monotonic() > deadline:
            became = Message.objects.values_list("kind", "channel", "state", "state_reason", "attempts")
            pytest.fail(f"it did not happen: {[*became]}")
        time.sleep(0.2)
