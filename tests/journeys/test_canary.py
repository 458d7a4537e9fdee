"""What patients are called and what is noted of them comes to no place that is not theirs: planted words are
looked for in logs, the database's too, Redis, tasks, metrics, keys, addresses, messages and webhooks.
"""

import os
import re
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.client import HTTPConnection
from io import StringIO
from json import dumps, loads
from typing import Any
from urllib.parse import urlencode
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import IntegrityError, transaction
from django.utils import timezone
from redis import Redis
from redis.exceptions import RedisError

from clinic.local import testing
from clinic.local.home import Home, wait_until
from clinic.local.postgres import RUNTIME_USER
from clinic.local.providers import SmsProvider, SmtpCatcher
from clinic.local.redis import RedisServer
from clinic.practice.models import IdempotencyKey
from notifications.webhooks.events import TYPES
from patients.models import ExternalIdentifier
from scheduling.models import Appointment, FollowUpGap
from tests import factories
from tests.api.conftest import issue
from tests.api.csv_files import text
from tests.journeys.planted import DatabaseLog, Planted
from tests.journeys.test_reminders import worker, zone_where_it_is_day
from tests.notifications import making
from tests.notifications.webhooks.receiver import Receiver, receiver
from tests.web.conftest import signed_in

# Written for this test, not taken from the product's own list: none of it may stand in a message.
TREATMENT = re.compile(
    r"ketamin|infusion|\bdos(e|es|ing)\b|therap|integrat|psych|depress|\btms\b|monitor", re.I
)
PEOPLE = 5
# What may be empty: a quiet server's log, and that of a database that is not this run's own.
QUIET = {"redis.log", "worker.log", *(() if os.environ.get(testing.EMBEDDED) else ("the database's log",))}


class Web:
    """One caller of the web process, who remembers what it asked for and where it was sent."""

    def __init__(self, port: int, headers: Mapping[str, str]) -> None:
        self.port = port
        self.headers = {"Host": settings.ALLOWED_HOSTS[0], **headers}
        self.addresses: list[str] = []

    def send(self, method: str, path: str, body: Any = None, form: Any = None, **headers: str) -> Any:
        raw: Any = urlencode(form) if form is not None else body
        if raw is not None and raw is body and not isinstance(body, bytes):
            raw = dumps(body)
        kind = "application/x-www-form-urlencoded" if form is not None else "application/json"
        given = {**self.headers, "Content-Type": kind}
        given |= {name.replace("_", "-"): value for name, value in headers.items()}
        with closing(HTTPConnection("127.0.0.1", self.port, timeout=60)) as wire:
            wire.request(method, path, raw, given)
            answer = wire.getresponse()
            text = answer.read().decode()
        self.addresses += [path, answer.headers.get("Location") or ""]
        if "html" in (answer.headers.get("Content-Type") or ""):
            self.addresses += re.findall(r'(?:href|action|src|hx-\w+)="([^"]*)"', text)
        assert answer.status < 500, (method, path, text)
        return answer.status, (loads(text) if "json" in (answer.headers["Content-Type"] or "") else text)

    def post(self, path: str, body: Any, status: int = 201) -> Any:
        found, told = self.send("POST", f"/api/v1/{path}", body, Idempotency_Key=uuid4().hex)
        assert found == status, (path, found, told)
        return told

    def get(self, path: str) -> Any:
        found, told = self.send("GET", path if path.startswith("/") else f"/api/v1/{path}")
        assert found == 200, (path, found, told)
        return told


@dataclass
class Place:
    """The product as it runs: a web process, a worker with a beat, a Redis that is listened to, a program
    that is told by webhook.
    """

    clinic: factories.Clinic
    home: Home
    redis: RedisServer
    port: int
    heard: list[str]
    receiver: Receiver
    database_log: DatabaseLog

    def log(self, name: str) -> str:
        return (self.home.path / f"{name}.log").read_text(errors="replace")

    def outlets(self) -> dict[str, str]:
        """Every place where a patient has no business."""
        with closing(Redis.from_url(self.redis.url())) as client:
            kept = [f"{key!r} {client.dump(key)!r}" for key in client.scan_iter()]
        metrics = Web(self.port, {}).send("GET", "/metrics")[1]
        keys = IdempotencyKey.objects.values_list("scope", "key", "fingerprint", "object_kind")
        return {
            "web.log": self.log("web"),
            "worker.log": self.log("worker"),
            "redis.log": self.log("redis"),
            "the database's log": self.database_log.since(),
            "webhooks": "\n".join(f"{one.path} {one.headers} {one.body!r}" for one in self.receiver.calls),
            "redis": "\n".join(kept),
            "all that Redis was told": "\n".join(self.heard),
            "metrics": str(metrics),
            "idempotency keys": repr(list(keys)),
        }


def listen(server: RedisServer, heard: list[str]) -> None:
    client = Redis.from_url(server.url(), socket_timeout=None)
    with suppress(RedisError, OSError), closing(client), client.monitor() as monitor:
        for told in monitor.listen():
            heard.append(str(told["command"]))


def runtime_address(url: str) -> str:
    """The same database for a role that owns nothing in it, as web and worker have it outside of tests."""
    password = uuid4().hex
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RUNTIME_PASSWORD", password)
        call_command("grant_runtime", RUNTIME_USER, "--create", stdout=StringIO())
    return f"postgresql://{RUNTIME_USER}:{password}@{url.partition('@')[2]}"


@pytest.fixture
def place(sms_provider: SmsProvider, smtp_catcher: SmtpCatcher) -> Iterator[Place]:
    with Home() as home, receiver() as told:
        redis = RedisServer(home=home, data=None, log=home.path / "redis.log")
        redis.start()
        heard: list[str] = []
        threading.Thread(target=listen, args=(redis, heard), daemon=True).start()
        given = making.child_environment()
        environment = given | {
            "DATABASE_URL": runtime_address(given["DATABASE_URL"]),
            "REDIS_URL": redis.url(),
            "MESSAGE_GRACE_SECONDS": "0",
            "LOG_LEVEL": "DEBUG",
            "WEBHOOKS_TO_INNER_ADDRESSES": "true",
        }
        bound = home.bind()
        command = [sys.executable, "-m", "gunicorn", "clinic.config.wsgi:application", "--threads", "4"]
        command += ["--bind", f"fd://{bound.fileno()}", "--no-control-socket", "--log-level", "debug"]
        web = home.start(
            name="web",
            command=command,
            log=home.path / "web.log",
            env=environment,
            pass_fds=[bound.fileno()],
        )
        worker(home, environment)
        port = bound.getsockname()[1]
        assert wait_until(ready=lambda: answers(port), child=web, seconds=120), web.last_words()
        yield Place(factories.small_clinic(), home, redis, port, heard, told, DatabaseLog())


def answers(port: int) -> bool:
    with suppress(OSError), closing(socket.create_connection(("127.0.0.1", port), 1)):
        return True
    return False


# --- the journeys ---------------------------------------------------------------------------------------
def arrive(caller: Web, place: Place, planted: Planted) -> list[str]:
    """Five people come, each with everything that can be told of one."""
    ids = []
    for number in range(PEOPLE):
        body = {
            "given_name": planted.word("given"),
            "family_name": planted.word("family"),
            "birth_date": planted.birth(number).isoformat(),
            "phone": planted.phone(),
            "email": f"{planted.word('mail')}@example.org",
            "time_zone": zone_where_it_is_day(timezone.now()),
            "site": str(place.clinic.site.pk),
            "external_ids": [{"system": "https://ehr.example", "value": planted.word("record")}],
        }
        ids.append(caller.post("patients/", body)["id"])
    # What is refused is told in the same places as what is not.
    assert caller.send("POST", "/api/v1/patients/", {**body, "surname": planted.words[0]})[0] == 400
    assert caller.send("POST", "/api/v1/patients/", body)[0] == 409
    return ids


def decide(caller: Web, place: Place, planted: Planted, ids: list[str]) -> None:
    protocol = place.clinic.version.template.key
    for one in ids:
        at = f"patients/{one}"
        caller.post(f"{at}/consents/", {"protocol": protocol, "version": 1})
        reason = {"reason": planted.word("reason")}
        caller.post(f"{at}/eligibility/", {"protocol": protocol, "decision": "eligible", **reason})
        caller.post(f"{at}/measures/", {"code": "PHQ-9", "score": 14})
        revoked = {"channel": "email", "decision": "revoked"}
        if one == ids[0]:
            caller.post(f"{at}/messaging-consents/", revoked)
        for name in ("", "consents/", "eligibility/", "measures/", "messaging-consents/"):
            caller.get(f"{at}/{name}")


def book(caller: Web, place: Place, someone: str) -> Any:
    start = (timezone.now() + timedelta(days=7)).date().isoformat()
    ask = {"patient": someone, "protocol": place.clinic.version.template.key, "start_on_or_after": start}
    proposal = caller.post("courses/propose/", ask, 200)["proposals"][0]
    return caller.post("courses/", {"proposal": proposal["token"]})


def attend(caller: Web, place: Place, planted: Planted, someone: str) -> None:
    """A visit of an hour ago, entered late, and one called off."""
    zone = ZoneInfo(place.clinic.site.time_zone)
    past = (datetime.now(zone) - timedelta(days=3)).replace(hour=11, minute=0, second=0, microsecond=0)
    body = {"patient": someone, "kind": "screening", "start": past.isoformat()}
    visit = caller.post("appointments/", {**body, "late_entry_reason": planted.word("late")})
    at = f"appointments/{visit['id']}"
    for verb, minutes in (("check-in", 0), ("complete", 30)):
        caller.post(f"{at}/{verb}/", {"at": (past + timedelta(minutes=minutes)).isoformat()}, 200)


def work(caller: Web, place: Place, planted: Planted, course: Any) -> None:
    """A follow-up is given away, put off and waived; a visit and the course are called off."""
    gap = course["gaps"][0]["id"]
    caller.post(f"gaps/{gap}/assign/", {"assignee": str(place.clinic.therapists[0].pk)}, 200)
    until = (timezone.now() + timedelta(hours=3)).isoformat()
    caller.post(f"gaps/{gap}/snooze/", {"until": until}, 200)
    caller.post(f"gaps/{gap}/waive/", {"reason": planted.word("waive")}, 200)
    caller.post(f"gaps/{gap}/unwaive/", {"reason": planted.word("unwaive")}, 200)
    caller.get(f"gaps/{gap}/explain/")
    visit = course["visits"][-1]["id"]
    caller.post(f"appointments/{visit}/cancel/", {"reason": planted.word("cancel")}, 200)
    caller.post(f"courses/{course['id']}/cancel/", {"reason": planted.word("stop")}, 200)


def subscribe(caller: Web, place: Place) -> None:
    """Every event is told, the first time to somebody who refuses it."""
    place.receiver.statuses += [500]
    caller.post("webhooks/", {"url": place.receiver.url, "event_types": list(TYPES)})


def read_in(caller: Web, planted: Planted) -> None:
    """A file of three people, one of whom is refused, tried and written; then a visit of one of them."""
    kept, refused, again = (planted.word("outside") for _ in range(3))
    people = text(
        ("external_system", "external_value", "given_name", "family_name", "birth_date", "email"),
        ("ehr", kept, planted.word("given"), planted.word("family"), planted.birth(40).isoformat(), ""),
        ("ehr", refused, planted.word("given"), planted.word("family"), planted.word("day"), "no address"),
        ("ehr", again, planted.word("given"), planted.word("family"), planted.birth(41).isoformat(), ""),
    )
    now = datetime.now(ZoneInfo(factories.NEW_YORK))
    start = (now + timedelta(days=70 - now.weekday())).strftime("%Y-%m-%dT11:00")
    visits = text(
        ("external_system", "external_value", "patient_system", "patient_value", "kind", "start"),
        ("ehr", planted.word("visit"), "ehr", kept, "screening", start),
        ("ehr", planted.word("visit"), "ehr", planted.word("nobody"), "screening", start),
    )
    for kind, file in (("patients", people), ("appointments", visits)):
        for mode in ("dry_run", "apply", "apply"):
            address = f"/api/v1/imports/{kind}/?mode={mode}"
            sent = {"Content_Type": "text/csv", "Idempotency_Key": uuid4().hex}
            found, told = caller.send("POST", address, file.encode(), **sent)
            assert (found, told["counts"]["refused"]) == (200, 1), told
    assert told["counts"]["unchanged"] == 1


def merge(caller: Web, place: Place, planted: Planted, someone: str) -> None:
    """One of them came twice: found, and made one; who asks for the other is told so."""
    first = caller.get(f"patients/{someone}/")
    body = {name: first[name] for name in ("given_name", "family_name", "birth_date", "phone")}
    twice = caller.post("patients/", {**body, "site": str(place.clinic.site.pk)})["id"]
    assert caller.get("patients/duplicates/")["pairs"]
    ask = {"duplicate": twice, "reason": planted.word("merge")}
    caller.post(f"patients/{someone}/merge/", ask, 200)
    assert caller.send("GET", f"/api/v1/patients/{twice}/")[0] == 410


def clash(someone: str) -> None:
    """Two write the same name at once, and the database refuses the second: here without the first look."""
    held = ExternalIdentifier.objects.filter(patient_id=someone).get()
    held.pk = None
    with pytest.raises(IntegrityError), transaction.atomic():
        held.save(force_insert=True)


def look(page: Web, place: Place, planted: Planted) -> None:
    """Every page of a course, and forms that are refused and accepted."""
    token = page.headers["X-CSRFToken"]
    for name in planted.words[:2]:
        page.send("POST", "/patients/", form={"name": name, "csrfmiddlewaretoken": token})
    for gap in FollowUpGap.objects.all()[:2]:
        page.get(f"/follow-ups/{gap.pk}/")
        page.get(f"/courses/{gap.course_id}/")
        form = {"reason": planted.word("page"), "csrfmiddlewaretoken": token}
        page.send("POST", f"/follow-ups/{gap.pk}/waive/", form=form)
    visit = Appointment.objects.filter(status="booked").earliest("start")
    page.get(f"/visits/{visit.pk}/")
    for verb in ("no_show", "cancel"):
        form = {"reason": planted.word(verb), "csrfmiddlewaretoken": token}
        page.send("POST", f"/visits/{visit.pk}/{verb}/", form=form)
    for path in ("/overview/", f"/roster/?date={visit.local_date}", "/follow-ups/?show=unbooked"):
        page.get(path)


def reader(place: Place) -> Web:
    """A person at the pages, signed in."""
    browser = signed_in(place.clinic.therapists[0])
    browser.get("/accounts/sign-out/")
    token = "0" * 32
    cookies = f"session={browser.cookies['session'].value}; csrftoken={token}"
    return Web(place.port, {"Cookie": cookies, "X-CSRFToken": token})


@pytest.mark.django_db(transaction=True)
def test_the_journeys_leave_no_patient_anywhere_else(
    place: Place, sms_provider: SmsProvider, smtp_catcher: SmtpCatcher
) -> None:
    planted = Planted()
    caller = Web(place.port, {"Authorization": f"Bearer {issue(factories.client(place.clinic.practice))}"})
    page = reader(place)
    # Providers that answer with what they were given: their words end in a log sooner than ours.
    smtp_catcher.fault(kind="refuse", times=1)
    subscribe(caller, place)
    people = arrive(caller, place, planted)
    decide(caller, place, planted, people)
    courses = [book(caller, place, one) for one in people[:3]]
    attend(caller, place, planted, people[4])
    look(page, place, planted)
    work(caller, place, planted, courses[0])
    read_in(caller, planted)
    merge(caller, place, planted, people[4])
    clash(people[3])
    for name in ("patients/", "courses/", "appointments/", "gaps/", "messages/", "access-log/"):
        caller.get(f"{name}?limit=200")
    caller.get(f"roster/?site={place.clinic.site.pk}")
    until(lambda: len(sms_provider.inbox()) >= 3 and smtp_catcher.inbox())
    until(lambda: "patient.merged" in told_by_webhook(place))
    assert len(planted.words) >= 60

    outlets = place.outlets() | {"addresses": "\n".join(caller.addresses + page.addresses)}
    # A quiet server and a quiet worker write nothing; everything else must have been looked at.
    assert {name for name, text in outlets.items() if not text} <= QUIET
    assert {"course.booked", "patient.created"} <= told_by_webhook(place)
    assert place.database_log.path is None or "duplicate key" in outlets["the database's log"]
    assert "notifications.send_due" in outlets["all that Redis was told"]
    assert planted.found_in(outlets) == []
    said = [one["body"] for one in sms_provider.inbox()]
    said += [f"{one['subject']}\n{one['body']}" for one in smtp_catcher.inbox()]
    assert [text for text in said if TREATMENT.search(text)] == []
    assert planted.found_in({"messages": "\n".join(said)}) == []


def told_by_webhook(place: Place) -> set[str]:
    return {loads(one.body)["type"] for one in place.receiver.calls}


def until(ready: Callable[[], object], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.1)
