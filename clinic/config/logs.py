"""One JSON line an event, built from an allow-list: a field that is not on it never reaches a log."""

from typing import Any

import structlog
from structlog.types import EventDict, WrappedLogger

# Ids, counts, names of code: never a person's name, address, date of birth or free text.
ALLOWED_FIELDS = frozenset(
    [
        "event",
        "level",
        "logger",
        "timestamp",
        "request_id",
        "method",
        "route",
        "status",
        "duration_ms",
        "task",
        "task_id",
        "count",
        "code",
        "error_class",
        "frames",
        "practice_id",
        "actor_kind",
        "queue",
        "signal",
        "pid",
    ]
)


def keep_allowed(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    """Drop every field that is not on the allow-list."""
    return {key: value for key, value in event.items() if key in ALLOWED_FIELDS or key.startswith("_")}


def exception_without_values(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    """Replace a traceback by its class and the places it passed: a message or a local could carry patient
    data."""
    info = event.pop("exc_info", None)
    if not info:
        return event
    error = info[1] if isinstance(info, tuple) else info if isinstance(info, BaseException) else None
    if error is None:
        return event
    event["error_class"] = f"{type(error).__module__}.{type(error).__name__}"
    frames, trace = [], error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        frames.append(f"{code.co_filename.rsplit('/', 3)[-1]}:{trace.tb_lineno}:{code.co_name}")
        trace = trace.tb_next
    event["frames"] = frames[-12:]
    return event


_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    exception_without_values,
    keep_allowed,
]


def static_message(logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    """Other people's records: keep the template (`%s was …`), never what was put into it."""
    record = event.get("_record")
    if record is not None:
        # Django's security records are no templates: they quote the request.
        quotes = record.name.startswith("django.security")
        event["event"] = "suspicious request" if quotes else str(record.msg)
    return event


def configuration(*, level: str) -> dict[str, Any]:
    """`logging.config.dictConfig` for our own events and for everybody else's."""
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "json": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": [static_message, *_SHARED],
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.JSONRenderer(),
                ],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {"django.server": {"handlers": ["stderr"], "propagate": False}},
    }
