"""Logs: one line an event, JSON or readable, with the request's id and without secrets."""

import re
from collections.abc import Callable
from typing import Any

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

FORMATS = ("json", "text")
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
# What names a credential stays (a key's prefix, a login's name); what proves it goes.
SECRETS = (
    (re.compile(r"\bnrb_([0-9A-Za-z]+)_[\w-]+"), r"nrb_\1_…"),
    (re.compile(r"(?i)\b(bearer|basic)\s+(?!nrb_)[^\s\"',]+"), r"\1 …"),
    (re.compile(r"(://[^:/@\s\"']*):[^@/\s\"']+@"), r"\1:…@"),
)


def masked(text: str) -> str:
    """The text without API keys' secrets, Authorization headers and passwords in URLs."""
    for pattern, replacement in SECRETS:
        text = pattern.sub(replacement, text)
    return text


def _masking(render: Callable[..., str | bytes]) -> Processor:
    """The last step: whatever was logged, a traceback's text too, is masked as a whole."""

    def masking(logger: WrappedLogger, name: str, event: EventDict) -> str:
        return masked(str(render(logger, name, event)))

    return masking


def quiet_schedule(_logger: WrappedLogger, name: str, event: EventDict) -> EventDict:
    """Drops the success of a task that no request asked for: the schedule's come every second."""
    if name == "info" and event["event"] == "task_succeeded" and "request_id" not in event:
        raise structlog.DropEvent
    return event


def logging_config(form: str, level: str) -> dict[str, Any]:
    """Django's `LOGGING`, for every process: web, workers, schedule, commands."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    readable = structlog.dev.ConsoleRenderer(
        colors=False, exception_formatter=structlog.dev.plain_traceback
    )
    last: list[Processor] = (
        [structlog.processors.format_exc_info, _masking(structlog.processors.JSONRenderer())]
        if form == "json"
        else [_masking(readable)]
    )
    structlog.configure(
        processors=[
            shared[0],
            structlog.stdlib.filter_by_level,
            quiet_schedule,
            *shared[1:],
            structlog.stdlib.PositionalArgumentsFormatter(),
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "line": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": shared,
                "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
            }
        },
        "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
        "root": {"handlers": ["console"], "level": level},
        "loggers": {
            # Theirs are one line a task, of the schedule's too; django_structlog has its own.
            "celery": {"level": "WARNING"},
            "kombu": {"level": "WARNING"},
            # A refused request is one line, neruba.ops.requests'; faults keep their traceback.
            "django.request": {"level": "ERROR"},
            # Set by gunicorn to handlers of its own otherwise.
            "gunicorn.error": {"level": "INFO", "handlers": [], "propagate": True},
            "gunicorn.access": {"level": "WARNING", "handlers": [], "propagate": False},
        },
    }
