"""What a line of the log has, and what it never has."""

import json
import logging
from collections.abc import Iterator
from io import StringIO
from logging.config import dictConfig

import pytest
import structlog
from django.conf import settings

from neruba.ops.requests import RequestMiddleware, request_id
from neruba.settings.logs import logging_config, masked

SECRET = "nrb_0a1b2c3d4e5f_Zm9v-YmFy_0123456789"


@pytest.fixture(params=["json", "text"])
def log(request: pytest.FixtureRequest) -> Iterator[StringIO]:
    """What is written to the log of each form."""
    written = StringIO()
    config = logging_config(request.param, "INFO")
    config["handlers"]["console"]["stream"] = written
    before = logging.getLogger().handlers[:]
    dictConfig(config)
    try:
        yield written
    finally:
        dictConfig(settings.LOGGING)
        logging.getLogger().handlers = before


def test_a_secret_does_not_reach_the_log_by_any_way(log: StringIO) -> None:
    logger = logging.getLogger("test")
    logger.info("key %s", SECRET)
    structlog.get_logger("test").info("sent", header=f"Bearer {SECRET}", other="Basic Zm9vOmJhcg==")
    try:
        open("mysql://neruba:pass-word@db:3306/neruba").close()
    except OSError:
        logger.exception("failed with %s", {"Authorization": "Bearer abc.def"})
    text = log.getvalue()
    for secret in ("Zm9v", "0123456789", "pass-word", "abc.def"):
        assert secret not in text
    assert text.count("nrb_0a1b2c3d4e5f_…") == 2 or text.count("nrb_0a1b2c3d4e5f_\\u2026") == 2
    assert "FileNotFoundError" in text
    assert "neruba" in text


def test_words_that_are_no_secret_stay() -> None:
    for text in ("the bearer", "basic", "https://example.com/a?b=c", "nrb_ and more"):
        assert masked(text) == text


def test_json_has_an_object_a_line_with_the_requests_id(log: StringIO) -> None:
    with structlog.contextvars.bound_contextvars(request_id="r-1"):
        logging.getLogger("test").warning("two\nlines")
        assert request_id() == "r-1"
    assert request_id() == ""
    text = log.getvalue()
    assert "r-1" in text
    if text.startswith("{"):
        (line,) = text.splitlines()
        said = json.loads(line)
        assert {said["event"], said["level"], said["logger"]} == {"two\nlines", "warning", "test"}
        assert said["timestamp"].endswith("Z")


def test_the_schedules_successes_are_silent_and_a_requests_task_is_told(log: StringIO) -> None:
    logger = structlog.get_logger("django_structlog.celery.receivers")
    logger.info("task_succeeded", duration_ms=1)
    assert log.getvalue() == ""
    with structlog.contextvars.bound_contextvars(request_id="r-2"):
        logger.info("task_succeeded", duration_ms=1)
    assert "r-2" in log.getvalue()


def test_the_middleware_is_the_outermost() -> None:
    name = f"{RequestMiddleware.__module__}.{RequestMiddleware.__qualname__}"
    assert settings.MIDDLEWARE[0] == name
