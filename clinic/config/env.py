"""Typed reading of the environment. A missing or unsafe value refuses to start, in one clear line."""

import os
from datetime import date
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

# RFC 5321 allows 64 characters; 43 are what `bounces+...` adds.
_LONGEST_MAILBOX = 21
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


def text(name: str, default: str | None = None) -> str:
    """The variable's text; without a default it must be set."""
    value = os.environ.get(name) or default
    if value is None:
        raise ImproperlyConfigured(f"{name} must be set")
    return value


def integer(name: str, default: int) -> int:
    raw = text(name, str(default))
    try:
        return int(raw)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {raw!r}") from error


def seconds(name: str, default: float) -> float:
    """A time of more than nothing, such as `60` or `0.5`."""
    raw = text(name, str(default))
    try:
        value = float(raw)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} must be a number of seconds, not {raw!r}") from error
    if not 0 < value < 86_400 * 365:
        raise ImproperlyConfigured(f"{name} must be more than 0 seconds, not {raw!r}")
    return value


def boolean(name: str, default: bool) -> bool:
    raw = text(name, "true" if default else "false").lower()
    if raw not in {"true", "false", "1", "0", "yes", "no"}:
        raise ImproperlyConfigured(f"{name} must be true or false, not {raw!r}")
    return raw in {"true", "1", "yes"}


def one_of(name: str, names: tuple[str, ...]) -> str:
    """One of these words; the first is the default."""
    value = text(name, names[0])
    if value not in names:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(names)}, not {value!r}")
    return value


def day(name: str, default: str) -> date:
    """A day such as `2027-01-31`."""
    raw = text(name, default)
    try:
        return date.fromisoformat(raw)
    except ValueError as error:
        raise ImproperlyConfigured(f"{name} must be a day such as 2027-01-31, not {raw!r}") from error


def mailbox(name: str, default: str) -> str:
    """A plain address, `bounces@example.org`, whose name leaves room for what is put behind it; or none."""
    value = text(name, default)
    local, at, domain = value.rpartition("@")
    if value and not (local and at and domain and value.isascii() and not set(value) & set(' +<>"')):
        raise ImproperlyConfigured(f"{name} must be a plain address such as bounces@example.org")
    if len(local) > _LONGEST_MAILBOX:
        raise ImproperlyConfigured(f"{name} must have at most {_LONGEST_MAILBOX} characters before the @")
    return value


def words(name: str, default: str = "") -> list[str]:
    """A comma-separated list."""
    return [word.strip() for word in os.environ.get(name, default).split(",") if word.strip()]


def limit(name: str, default: str) -> tuple[int, int] | None:
    """`60/300`: at most 60 in 300 seconds; None for `off`."""
    raw = text(name, default)
    if raw == "off":
        return None
    tries, _, seconds = raw.partition("/")
    if not (tries.isascii() and tries.isdigit() and seconds.isascii() and seconds.isdigit()):
        raise ImproperlyConfigured(f"{name} must be such as 60/300, or off, not {raw!r}")
    if not int(tries) or not int(seconds):
        raise ImproperlyConfigured(f"{name} must not be 0: say off to count nothing")
    return int(tries), int(seconds)


def secret_key(name: str) -> str:
    """A key of at least 50 characters that is not a placeholder (Django's own deploy check, made fatal)."""
    value = text(name)
    if len(value) < 50 or len(set(value)) < 10 or value.startswith("django-insecure"):
        raise ImproperlyConfigured(f"{name} must be at least 50 random characters")
    return value


def database(name: str) -> dict[str, Any]:
    """`postgresql://user:password@host:port/name?host=/socket/folder` as Django's settings."""
    url = urlsplit(text(name))
    if url.scheme not in {"postgres", "postgresql"}:
        raise ImproperlyConfigured(f"{name} must be a postgresql:// address")
    query = dict(parse_qsl(url.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(url.path.lstrip("/")),
        "USER": unquote(url.username or ""),
        "PASSWORD": unquote(url.password or ""),
        "HOST": query.pop("host", url.hostname or ""),
        "PORT": query.pop("port", str(url.port or "")),
        "OPTIONS": query,
    }


def smtp(name: str, default: str) -> dict[str, Any]:
    """`smtp://user:password@host:port` (`smtps` for implicit TLS, `?tls=true` for STARTTLS) as Django's
    e-mail settings."""
    url = urlsplit(text(name, default))
    if url.scheme not in {"smtp", "smtps"}:
        raise ImproperlyConfigured(f"{name} must be an smtp:// or smtps:// address")
    return {
        "EMAIL_HOST": url.hostname or "localhost",
        "EMAIL_PORT": url.port or (465 if url.scheme == "smtps" else 25),
        "EMAIL_HOST_USER": unquote(url.username or ""),
        "EMAIL_HOST_PASSWORD": unquote(url.password or ""),
        "EMAIL_USE_SSL": url.scheme == "smtps",
        "EMAIL_USE_TLS": dict(parse_qsl(url.query)).get("tls") == "true",
    }


def public_url(name: str, default: str) -> tuple[str, str, bool]:
    """The address that patients and browsers use: (url, host, is https). Plain http is allowed on this
    machine only."""
    value = text(name, default).rstrip("/")
    url = urlsplit(value)
    host = url.hostname or ""
    if url.scheme not in {"http", "https"} or not host:
        raise ImproperlyConfigured(f"{name} must be an http(s) address, not {value!r}")
    if url.scheme == "http" and host not in _LOOPBACK:
        raise ImproperlyConfigured(f"{name} must be https for any host but this machine, not {value!r}")
    return value, host, url.scheme == "https"
