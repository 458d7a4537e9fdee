"""CSV files as a practice sends them."""

import csv
import io
from collections.abc import Sequence
from typing import Any

from tests.api.conftest import Api


def text(header: Sequence[str], *rows: Sequence[str]) -> str:
    out = io.StringIO(newline="")
    csv.writer(out).writerows([header, *rows])
    return out.getvalue()


def send(
    api: Api,
    kind: str,
    file: str | bytes,
    *,
    mode: str = "apply",
    content_type: str = "text/csv",
    **more: Any,
) -> Any:
    """`more`: `all_or_nothing`, and headers such as `idempotency_key`."""
    whole = "&all_or_nothing=true" if more.pop("all_or_nothing", False) else ""
    raw = file if isinstance(file, bytes) else file.encode()
    return api.send("POST", f"imports/{kind}/?mode={mode}{whole}", raw=raw, content_type=content_type, **more)


def outcomes(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [one["outcome"] for one in answer.json()["results"]]


def faults(answer: Any) -> list[tuple[int, str]]:
    """The line and the column of everything that was refused."""
    return [(one["line"], error["column"]) for one in answer.json()["results"] for error in one["errors"]]
