"""`./dev bench faults`: ten thousand messages, a hundred processes killed at random while they are sent.

At the real times, by a provider that can be asked and by one that makes two hand-overs one. Prints how many
were lost, how many went twice and how many are in doubt: 0, 0, and no more than were killed in a hand-over;
with the second provider 0.
"""

import argparse
import os
import platform
import random
import signal
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import django

django.setup()

from django.db import connections  # noqa: E402  after django.setup, like everything that touches models
from django.utils import timezone  # noqa: E402

from clinic.local.home import Home  # noqa: E402
from clinic.local.providers import SmsProvider, TelnyxProvider  # noqa: E402
from clinic.practice.models import WorkItem  # noqa: E402
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
    "CRASH_POINTS": "",
}
PROVIDERS = {"twilio": SmsProvider, "telnyx": TelnyxProvider}
DONE = ("accepted", "delivered", "undelivered", "in_doubt")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--workers", type=int, default=2, help="each with two children")
    parser.add_argument("--latency", type=float, default=0.05, help="seconds that the provider takes")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--provider", choices=[*PROVIDERS, "both"], default="both")
    options = parser.parse_args()
    print(f"machine: {os.cpu_count()} cores, Python {platform.python_version()}; seed {options.seed}")
    for name in PROVIDERS if options.provider == "both" else [options.provider]:
        run(name, options)
    connections.close_all()


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
    rows = Message.objects.all()
    states = Counter(rows.values_list("state", flat=True))
    texts = Counter(sms["to"] for sms in provider.inbox())
    twice = sum(count - 1 for count in texts.values())
    told = set(rows.exclude(state="in_doubt").values_list("sent_to", flat=True))
    lost = len(told - set(texts)) + sum(states[state] for state in states if state not in DONE)
    doubtful = Attempt.objects.filter(error_code="lease_expired").count()
    open_doubts = rows.filter(state="in_doubt").values_list("pk", flat=True)
    asked = WorkItem.objects.filter(kind="message_in_doubt", done_at=None, subject_id__in=open_doubts).count()
    print(
        f"{name}: {options.messages} messages, {dict(struck)} killed by SIGKILL, {seconds / 60:.1f} minutes"
    )
    print(f"{name}: by state {dict(states)}; kills that hit a hand-over: {doubtful}")
    print(f"{name}: lost: {lost} (goal = 0); handed over twice: {twice} (goal = 0)")
    print(f"{name}: in doubt, each before a person: {asked} of {states['in_doubt']}", flush=True)
    assert not lost and not twice and asked == states["in_doubt"] <= doubtful


if __name__ == "__main__":
    main()
