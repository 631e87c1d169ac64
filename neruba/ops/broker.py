"""The broker as an operator asks after it: does it answer, and how much waits in it."""

import tempfile
from pathlib import Path

from django.conf import settings
from redis import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

TIMEOUT_S = 2
QUEUE = "celery"


def ask_broker() -> str:
    """What answers, in words. Raises OSError or RedisError where it does not."""
    if settings.REDIS_URL:
        with _redis() as client:
            client.ping()
        return "Redis answers, as broker and cache"
    folder = _folder()
    if folder is None:
        return "in memory of the process"
    with tempfile.TemporaryFile(dir=folder):
        return "the folder of messages can be written to"


def messages_waiting() -> int:
    """How many messages no worker has taken yet. Raises OSError or RedisError."""
    if settings.REDIS_URL:
        with _redis() as client:
            return int(client.llen(QUEUE))
    folder = _folder()
    return 0 if folder is None else sum(1 for _ in folder.glob("*.msg"))


def _redis() -> Redis:
    """A connection of its own: that of a pool may hang on a server that went away."""
    return Redis.from_url(
        settings.REDIS_URL,
        socket_connect_timeout=TIMEOUT_S,
        socket_timeout=TIMEOUT_S,
        retry=Retry(NoBackoff(), 0),
    )


def _folder() -> Path | None:
    name = settings.CELERY_BROKER_TRANSPORT_OPTIONS.get("data_folder_in")
    return Path(name) if name else None
