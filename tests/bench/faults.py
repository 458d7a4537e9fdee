"""`./dev bench faults`: ten thousand messages, a hundred processes killed at random while they are sent.

At the real times, by a provider that can be asked and by one that makes two hand-overs one. Prints how many
were lost, how many went twice and how many are in doubt: 0, 0, and no more than were killed in a hand-over;
with the second provider 0. `--scenes` adds what the tests do in seconds, at its real size: each fault of
Redis for five minutes; PostgreSQL's connections cut 20 times, 5 restarts, a minute away; six hours without a
worker, two ticks at once and a message that nobody can make among 10,000.
"""

import argparse
import os
import platform
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import django

django.setup()

from django.db import connection, connections, transaction  # noqa: E402  after django.setup, like everything that touches models
from django.utils import timezone  # noqa: E402

from clinic.local.home import ROOT, Home  # noqa: E402
from clinic.local.providers import SmsProvider, TelnyxProvider  # noqa: E402
from clinic.practice.models import TrailEntry, WorkItem  # noqa: E402
from notifications.models import Attempt, Message  # noqa: E402
from tests.faults.crew import Crew  # noqa: E402
from tests.faults.due import Reminders  # noqa: E402

# As in production.
REAL = {
    "MESSAGE_LEASE_SECONDS": "60",
    "MESSAGE_CALL_SECONDS": "20",
    "PROVIDER_CONNECT_SECONDS": "3",
    "PROVIDER_READ_SECONDS": "10",
    "MESSAGE_TICK_SECONDS": "15",
    "RECOVERY_TICK_SECONDS": "30",
    "MESSAGE_PAUSE_SECONDS": "0.1",
    "CRASH_POINTS": "",
}
PROVIDERS = {"twilio": SmsProvider, "telnyx": TelnyxProvider}
SCENES = ("redis", "postgres", "outage")
DONE = ("accepted", "delivered", "undelivered", "in_doubt")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--workers", type=int, default=2, help="each with two children")
    parser.add_argument("--latency", type=float, default=0.05, help="seconds that the provider takes")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--provider", choices=[*PROVIDERS, "both", "none"], default="both")
    parser.add_argument("--scenes", nargs="*", choices=SCENES, default=[])
    options = parser.parse_args()
    print(f"machine: {os.cpu_count()} cores, Python {platform.python_version()}; seed {options.seed}")
    chosen = {"both": tuple(PROVIDERS), "none": ()}.get(options.provider, (options.provider,))
    for name in chosen:
        run(name, options)
    connections.close_all()
    for scene in options.scenes:
        play(scene)


def play(scene: str) -> None:
    """A test of tests/faults at its real size, on services of its own."""
    # Settings that are named before tests/conftest.py has started its services would be read without them.
    theirs = ("DATABASE_URL", "REDIS_URL", "DJANGO_SETTINGS_MODULE")
    ours = {name: value for name, value in os.environ.items() if name not in theirs}
    began = time.monotonic()
    command = [sys.executable, "-m", "pytest", f"tests/faults/test_{scene}.py", "-n0", "-q", "-s"]
    done = subprocess.run(command, env={**ours, "WHOLE": "1"}, check=False, cwd=ROOT)
    minutes = (time.monotonic() - began) / 60
    print(f"{scene}: {'BROKEN' if done.returncode else 'kept'}, {minutes:.1f} minutes", flush=True)
    assert not done.returncode


def run(name: str, options: argparse.Namespace) -> None:
    chance = random.Random(options.seed)
    Message.objects.all().delete()
    with Home() as home:
        provider = PROVIDERS[name](
            home=home, folder=home.path / name, log=home.path / f"{name}.log", env={**os.environ}
        )
        provider.start()
        provider.fault(times=options.messages * 2, to=None, seconds=options.latency, accept=True)
        bases = {"TWILIO_API_BASE": provider.url, "TELNYX_API_BASE": provider.url}
        crew = Crew(home, **REAL, **bases, SMS_PROVIDER=name)
        reminders = Reminders(options.messages)
        reminders.release(options.messages)
        crew.start(workers=options.workers, web=True)
        began = time.monotonic()
        struck = kill_at_random(crew, chance, options)
        crew.wait(lambda: is_settled(name), "everything is settled", seconds=3600)
        report(name, provider, struck, time.monotonic() - began, options)


def kill_at_random(crew: Crew, chance: random.Random, options: argparse.Namespace) -> Counter[str]:
    """Spread over the time that the messages take: a kill each so many messages that have gone."""
    struck: Counter[str] = Counter()
    for number in range(options.kills):
        share = int((number + chance.random()) * options.messages * 0.95 / options.kills)
        crew.wait(lambda share=share: gone() >= share, "messages go", seconds=3600)  # type: ignore[misc]
        main_process = crew.children[f"worker{chance.randrange(options.workers)}"].process.pid
        whom = chance.choice(("child", "child", "child", "parent"))
        target = main_process if whom == "parent" else chance.choice(children(main_process) or [main_process])
        with suppress(ProcessLookupError):
            os.kill(target, signal.SIGKILL)
            struck[whom] += 1
        crew.keep()
    return struck


def children(process: int) -> list[int]:
    path = Path(f"/proc/{process}/task/{process}/children")
    return [int(child) for child in path.read_text().split()] if path.exists() else []


def gone() -> int:
    return Message.objects.exclude(state__in=("planned", "leased", "handing_over")).count()


def is_settled(name: str) -> bool:
    again = Message.objects.filter(state="planned", attempts__gt=0).update(due_at=timezone.now())
    if again or Message.objects.filter(state__in=("planned", "leased", "handing_over")).exists():
        return False
    # Each doubt was asked about once, at least.
    doubts = Attempt.objects.filter(message__state="in_doubt")
    return not (doubts if name == "telnyx" else doubts.filter(asked_at=None)).exists()


def report(
    name: str,
    provider: SmsProvider | TelnyxProvider,
    struck: Counter[str],
    seconds: float,
    options: argparse.Namespace,
) -> None:
    texts = Counter(sms["to"] for sms in provider.inbox())
    twice = sum(count - 1 for count in texts.values())
    # Reports still come, and settle doubts between one question and the next: all is asked of one moment.
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        rows = Message.objects.all()
        states = Counter(rows.values_list("state", flat=True))
        told = set(rows.exclude(state="in_doubt").values_list("sent_to", flat=True))
        # The trail keeps what was in doubt for a while.
        doubtful = TrailEntry.objects.filter(verb="message.in_doubt").count()
        doubts = list(rows.filter(state="in_doubt").values_list("pk", flat=True))
        items = WorkItem.objects.filter(kind="message_in_doubt", done_at=None, subject_id__in=doubts)
        asked = items.count()
    lost = len(told - set(texts)) + sum(states[state] for state in states if state not in DONE)
    print(
        f"{name}: {options.messages} messages, {dict(struck)} killed by SIGKILL, {seconds / 60:.1f} minutes"
    )
    print(f"{name}: by state {dict(states)}; kills that hit a hand-over: {doubtful}")
    print(f"{name}: lost: {lost} (goal = 0); handed over twice: {twice} (goal = 0)")
    print(f"{name}: in doubt, each before a person: {asked} of {states['in_doubt']}", flush=True)
    assert not lost and not twice and asked == states["in_doubt"] <= doubtful


if __name__ == "__main__":
    main()
