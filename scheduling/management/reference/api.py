"""api.md: every operation of the REST surface, from the OpenAPI document."""

import re
from typing import Any

from drf_spectacular.generators import SchemaGenerator

from scheduling.management.reference.markdown import table

METHODS = ("get", "post", "put", "patch", "delete")
HEAD = """# REST

Every address begins with `/api/v1/`. The whole reference is the OpenAPI 3.1 document at `/api/schema/`;
`/api/docs/` shows it readably. This page lists what there is, and the rules that hold everywhere. How to
begin is told in [Call the API](../how-to/call-the-api.md); what is refused, and how, in
[Errors](errors.md).

## Rules of the surface

- **In.** A program gets a token from `POST /oauth/token/` by client credentials, for an hour, and sends
  it as `Authorization: Bearer …`. Sessions of staff open no address here. A token sees one practice: an
  object of another one answers byte for byte like one that does not exist.
- **JSON** as RFC 8259 has it, up to 1 MB and 40 levels: no NaN, no key twice, no NUL, no half of a
  surrogate pair. Unknown fields and unknown parameters are refused with a 400, never ignored. An address of
  more than 4,094 bytes is refused by the web server itself, with a bare 414.
- **Times** are RFC 3339 with an offset; without one they are refused. Answers are in UTC and carry the
  site's `time_zone`. Days (`2026-12-01`) and times of day (`09:00`) are the site's.
- **ETag** on every object. `PATCH` and `PUT` need `If-Match`: without it 428, with an old one 412.
- **Idempotency-Key** is required on `POST courses/` and honoured on every other `POST` that writes: the
  same key and body have one effect and the same answer, another body is 422, and while the first is
  running 409. Keys are kept for 24 hours, without the body, and belong to the program that sent them.
- **Lists** are pages: `limit` (50, at most 200) and `cursor`, which is `next` of the page before and
  belongs to the same filters. Rows come in the order in which they were made; appointments by start, messages
  by when they are due. A row that matches all the while comes once, whatever is written meanwhile. One that
  is moved while you read can come twice: what was changed meanwhile follows at the end of such a list.
- **To follow changes**, ask with `updated_since`, the latest `updated_at` that you have been given: rows
  come in the order of change, and none is missed. What is being written at that moment, and what was
  written after it began, is held back until that is done.
- **Errors** are `application/problem+json` with a stable `code`. `Retry-After` says when to try again.
"""


def page() -> str:
    # The library is not annotated.
    generator: Any = SchemaGenerator
    document = generator(urlconf="clinic.config.urls").get_schema(request=None, public=True)
    by_tag: dict[str, list[tuple[str, ...]]] = {}
    for path, methods in document["paths"].items():
        for method in METHODS:
            if method in methods:
                operation = methods[method]
                by_tag.setdefault(operation["tags"][0], []).append(_row(path, method, operation))
    parts = [HEAD]
    for tag, rows in sorted(by_tag.items()):
        head = ("Call", "What it does", "Scope", "Answers", "Headers")
        parts.append(f"\n## {tag}\n\n{table(head, rows)}")
        if filters := _filters(document, tag):
            parts.append(f"\nThe list takes {filters}.\n")
    return "".join(parts)


def _row(path: str, method: str, operation: dict[str, Any]) -> tuple[str, ...]:
    scope = re.search(r"`[a-z]+:[a-z-]+`", operation["description"])
    headers = [
        f"`{one['name']}`{' (required)' if one.get('required') else ''}"
        for one in operation.get("parameters", ())
        if one["in"] == "header"
    ]
    answers = ", ".join(sorted(operation["responses"]))
    address = path.removeprefix("/api/v1/")
    call = f"`{method.upper()} {address}`"
    return call, operation["summary"], scope[0] if scope else "", answers, ", ".join(headers)


def _filters(document: dict[str, Any], tag: str) -> str:
    listing = document["paths"].get(f"/api/v1/{tag}/", {}).get("get", {})
    names = [one["name"] for one in listing.get("parameters", ()) if one["in"] == "query"]
    return ", ".join(f"`{name}`" for name in names)
