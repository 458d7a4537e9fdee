"""commands.md: `./dev`, manage.py, and what runs by itself."""

from pathlib import Path
from typing import Any

from celery import current_app
from celery.schedules import crontab
from django.core.management import get_commands, load_command_class

from scheduling.management.reference.markdown import table

ROOT = Path(__file__).resolve().parents[3]
DAY = 86400.0
APPS = ("clinic", "patients", "notifications", "scheduling")
TICK_WORDS = {
    "scheduling.expire_holds": "Ends offers that nobody answered and holds that nobody booked in time.",
    "notifications.send_due": "Claims each message that is due, looks again whether it is true, and "
    "hands it over.",
    "notifications.pulse": "Says that a worker takes from this queue; without it for two minutes that is an "
    "alarm.",
    "notifications.recover": "Clears up after processes that died, and asks providers about hand-overs "
    "in doubt.",
    "notifications.serve_webhooks": "Tells receivers of events what is new, and again what they have not "
    "accepted.",
    "scheduling.replan_messages": "Lets what is planned follow what a practice has changed about its "
    "messages since.",
    "scheduling.sweep_gaps": "Refreshes the follow-up units whose state changes by time alone.",
    "scheduling.escalate": "Brings follow-up units that nobody settled in their time before the clinical "
    "lead.",
    "scheduling.alert_staff": "Queues e-mails to whoever is responsible for what has become urgent, and "
    "raises a task when messages are in trouble themselves.",
    "scheduling.reviews_due": "Asks for the review of courses whose review date has come.",
    "scheduling.morning_digest": "Queues the staff's digest at every site whose morning it is.",
    "scheduling.forget_expired": "Deletes sessions and programs' tokens that have expired, and idempotency "
    "keys that are older than a day.",
    "scheduling.reseal_factors": "Seals second factors that are in clear or that a former `SECRET_KEY` "
    "sealed.",
    "notifications.reseal_webhooks": "Seals the secrets of webhooks that a former `SECRET_KEY` sealed.",
    "notifications.forget_deliveries": "Deletes deliveries of webhooks that were settled longer ago than "
    "they are kept (`WEBHOOK_DELIVERIES_KEPT_DAYS`).",
    "notifications.forget_trials": "Deletes tests of a wording of more than 30 days ago, and the address "
    "that each was sent to.",
    "scheduling.forget_reads": "Removes from the log of reads what is older than it is kept (`keep_reads`).",
    "scheduling.reconcile_gaps": "Recomputes every follow-up record by independent ways; what differs "
    "becomes an error in the log and a task for the practice's administrator.",
}


def page() -> str:
    return "".join(
        [
            "# Commands\n\n## `./dev`\n\n",
            "For development on one machine. It needs Python 3.11 or newer and installs the rest into "
            "`.venv`.\n\n",
            f"```text\n{_help()}```\n\n",
            "## `manage.py`\n\n",
            "Of the product itself; Django's own (`migrate`, `check`, `collectstatic` …) are there as "
            "well. With the\n",
            "demo running, `./dev manage NAME` uses its services.\n\n",
            table(("Command", "What it does"), [(f"`{name}`", told) for name, told in _commands()]),
            "\n## What runs by itself\n\n",
            "Beat rings, a worker answers. Rows hold the truth, so a tick that comes late, twice or "
            "never loses nothing,\n",
            "and any number of beats and workers may run. The timetable is `clinic/config/celery.py`.\n\n",
            table(("Every", "Task", "Queue", "What it does"), _ticks()),
        ]
    )


def _help() -> str:
    """The page that `./dev help` prints, from the script itself."""
    script = (ROOT / "dev").read_text(encoding="utf-8")
    return script.split("cat <<'TEXT'\n", 1)[1].split("TEXT\n", 1)[0]


def _commands() -> list[tuple[str, str]]:
    ours = {
        name: app
        for name, app in get_commands().items()
        if isinstance(app, str) and app.split(".")[0] in APPS
    }
    return [(name, load_command_class(app, name).help) for name, app in sorted(ours.items())]


def _ticks() -> list[tuple[str, str, str, str]]:
    rows = []
    for tick in sorted(current_app.conf.beat_schedule.values(), key=_order):
        routed = current_app.amqp.router.route({}, tick["task"])["queue"].name
        queue = tick["options"].get("queue", routed)
        rows.append((_when(tick["schedule"]), f"`{tick['task']}`", queue, TICK_WORDS[tick["task"]]))
    return rows


def _order(tick: dict[str, Any]) -> tuple[float, str]:
    """The most frequent first."""
    schedule = tick["schedule"]
    return (DAY if isinstance(schedule, crontab) else schedule), tick["task"]


def _when(schedule: Any) -> str:
    if hasattr(schedule, "hour"):
        [hour], [minute] = schedule.hour, schedule.minute
        return f"day, {hour:02}:{minute:02} UTC"
    return f"{schedule:.0f} s"
