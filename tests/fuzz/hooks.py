"""Loaded by schemathesis: what it makes up is given a world to fall into.

Ids that name nothing, and times in the year 4000, are refused at the door; most of them become ids and times
of the clinic that the file WORLD tells of. Which, follows from the value itself, so that a seed and a shrunk
example stay what they were. What is broken on purpose stays broken.
"""

import atexit
import json
import os
import re
import zlib
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import schemathesis

WORLD: dict[str, Any] = json.loads(Path(os.environ["FUZZ_WORLD"]).read_text())
IDS: dict[str, list[str]] = WORLD["ids"]
SOON = datetime.fromisoformat(WORLD["soon"])
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.I)
TIME = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d.*")
LONGEST_QUERY = 3500
DAY = re.compile(r"\d{4}-\d\d-\d\d")
# What a field of a body or a query names.
NAMED = {
    "appointment": "appointments",
    "assignee": "practitioners",
    "course": "courses",
    "delegate": "practitioners",
    "duplicate": "patients",
    "hold": "holds",
    "home_site": "sites",
    "of": "practitioners",
    "patient": "patients",
    "practitioner": "practitioners",
    "practitioners": "practitioners",
    "room": "rooms",
    "site": "sites",
    "staff": "practitioners",
    "therapist": "practitioners",
    "with": "appointments",
}
# What a call needs that only some objects of its kind are.
STATES = {
    "/courses/hold/{id}/release/": "holds",
    "/courses/{id}/resume/": "paused",
    "/appointments/{id}/start/": "arrived",
    "/appointments/{id}/complete/": "arrived",
    "/appointments/{id}/end-administration/": "started",
    "/appointments/{id}/discharge/": "monitoring",
    "/appointments/{id}/reinstate/": "cancelled",
}
TEXTS = {"proposal": "proposals", "protocol": "protocol keys"}


# Of the case that is being changed: the same value falls on other ids in other cases.
salt = 0


def number_of(value: str) -> int:
    return zlib.crc32(value.encode(), salt)


def known(kind: str, value: str) -> str:
    """One of this kind for seven values of eight, else the value as it was."""
    number, found = number_of(value), IDS.get(kind, [])
    return found[number // 8 % len(found)] if found and number % 8 else value


def near(value: str) -> str:
    """A quarter of an hour of the months around now, for seven times of eight."""
    number = number_of(value)
    if not number % 8:
        return value
    day = SOON + timedelta(days=number // 8 % 120 - 20)
    return day.replace(hour=13 + number // 960 % 9, minute=number // 8640 % 4 * 15).isoformat()


def placed(value: Any, name: str = "", *, texts: bool = True, times: bool = True) -> Any:
    """The value with ids, texts that name something, and times of the clinic."""
    if isinstance(value, dict):
        return {field: placed(inner, field, texts=texts, times=times) for field, inner in value.items()}
    if isinstance(value, list):
        return [placed(inner, name, texts=texts, times=times) for inner in value]
    if not isinstance(value, str):
        return value
    if UUID.fullmatch(value):
        return known(NAMED.get(name, ""), value)
    if texts and name in TEXTS and value:
        return known(TEXTS[name], value)
    if times and DAY.fullmatch(value):
        return near(value)[:10]
    return near(value) if times and TIME.fullmatch(value) else value


def fuller(call: str, body: Any) -> Any:
    """For two bodies of three, one that the call can use: as it is, or with what was made up beside it."""
    ready, number = WORLD["bodies"].get(call), number_of(call)
    if ready is None or not number % 3:
        return body
    if not isinstance(ready, dict) or not isinstance(body, dict):
        return ready
    # Which proposal, and which patient, is another matter each time.
    return {**(body if number % 3 == 1 else {}), **placed(ready, times=False)}


@schemathesis.hook
def filter_case(context: schemathesis.HookContext, case: schemathesis.Case) -> bool:
    """A longer address never comes to the product: the web server refuses it (414) and hangs up."""
    return len(urlencode(dict(case.query or {}), doseq=True)) < LONGEST_QUERY


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:
    global salt
    salt = zlib.crc32(repr((case.path_parameters, case.body, case.query, case.headers)).encode())
    meta = case.meta
    broken = meta is not None and meta.generation.mode.is_negative
    keep = {"texts": not broken, "times": not broken}
    if meta is None or meta.phase.name.value != "stateful":
        # A link of the stateful phase has put in what an earlier answer gave.
        for name, value in (case.path_parameters or {}).items():
            inner = {"consent_id": "consents", "delivery": "deliveries"}.get(name)
            kind = inner or STATES.get(case.path.removeprefix("/api/v1")) or case.path.split("/")[3]
            if isinstance(value, str) and UUID.fullmatch(value):
                case.path_parameters[name] = known(kind, value)
    if isinstance(case.body, dict | list | str):
        body = placed(case.body, **keep)
        case.body = body if broken else fuller(f"{case.method} {case.path}", body)
    if not broken and case.path.endswith("/availability/"):
        days = timedelta(days=1 + number_of("days") % 30)
        span = {"start_from": SOON.isoformat(), "start_before": (SOON + days).isoformat()}
        case.query = {"site": IDS["sites"][0], **span}
    elif case.query:
        case.query = {name: placed(value, name, **keep) for name, value in case.query.items()}
    if not broken and case.headers and "If-Match" in case.headers:
        case.headers["If-Match"] = "*"


# (phase, "METHOD address", positive or negative, status) -> how many.
told: Counter[tuple[str, str, str, int]] = Counter()


@schemathesis.hook
def after_call(context: schemathesis.HookContext, case: schemathesis.Case, response: Any) -> None:
    phase, mode = ("", "") if case.meta is None else (case.meta.phase.name, case.meta.generation.mode)
    told[str(phase), f"{case.method} {case.path}", str(mode), response.status_code] += 1


def write() -> None:
    Path(os.environ["FUZZ_TOLD"]).write_text(json.dumps([[*key, count] for key, count in told.items()]))


atexit.register(write)
