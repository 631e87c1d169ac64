"""Counting in windows of a minute: in Redis at one round trip, in this process without Redis.

A Redis that is away counts nothing: the caller hears 0, and it is asked again some seconds later.
"""

import logging
import time
from functools import cache

import redis
from django.conf import settings
from django.core.cache import cache as process_memory
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

logger = logging.getLogger(__name__)

WINDOW_S = 60
TIMEOUT_S = 0.25
ASK_AGAIN_AFTER_S = 5
SAY_AGAIN_AFTER_S = 60


class Absence:
    """That Redis is away, remembered for a while: not every request shall wait to find it out."""

    def __init__(self) -> None:
        self._ask_at_s = 0.0
        self._say_at_s = 0.0

    def is_known(self) -> bool:
        return time.monotonic() < self._ask_at_s

    def note(self, error: Exception) -> None:
        now_s = time.monotonic()
        self._ask_at_s = now_s + ASK_AGAIN_AFTER_S
        if now_s >= self._say_at_s:
            self._say_at_s = now_s + SAY_AGAIN_AFTER_S
            logger.warning("Redis is away, requests are not counted: %s", error)


absence = Absence()


def count_in_window(name: str, now_s: float) -> int:
    """Count one more for `name` in the window of `now_s` (seconds, real time); how many there are
    with it, or 0 where it could not be counted.
    """
    key = f"rate:{name}:{int(now_s // WINDOW_S)}"
    if not settings.REDIS_URL:
        return _count_here(key)
    if absence.is_known():
        return 0
    try:
        return _count_in_redis(key)
    except RedisError as error:
        absence.note(error)
        return 0


def _count_here(key: str) -> int:
    if process_memory.add(key, 1, 2 * WINDOW_S):
        return 1
    try:
        return process_memory.incr(key)
    except ValueError:  # it was dropped in between, for others
        return 1


def _count_in_redis(key: str) -> int:
    pipeline = _client(settings.REDIS_URL).pipeline(transaction=False)
    pipeline.incr(key)
    pipeline.expire(key, 2 * WINDOW_S)
    count, _ = pipeline.execute()
    return int(count)


@cache
def _client(url: str) -> "redis.Redis":
    """A pool of its own, which waits for nothing: the cache's would wait as long as the system."""
    return redis.Redis.from_url(
        url,
        socket_timeout=TIMEOUT_S,
        socket_connect_timeout=TIMEOUT_S,
        retry=Retry(NoBackoff(), 1),  # a connection that went stale costs no count
    )
