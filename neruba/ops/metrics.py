"""`/metrics`: what the processes counted, and what the broker and the database say now."""

from collections.abc import Iterator
from datetime import datetime

from django.conf import settings
from django.db import Error
from prometheus_client import REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from redis import RedisError

from neruba.ops.broker import ask_broker, messages_waiting
from neruba.ops.gauges import gauge, readings
from neruba.ops.probe import probing


def exposition(*, at: datetime) -> bytes:
    """All metrics in Prometheus' text format, gauges as of the wall time `at`."""
    measured = CollectorRegistry()
    measured.register(_Readings(at))
    return generate_latest(_counted()) + generate_latest(measured)


def _counted() -> CollectorRegistry:
    """Of all processes that share PROMETHEUS_MULTIPROC_DIR, added up; else of this one."""
    if not settings.METRICS_FOLDER:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry


def _of_broker() -> Iterator[GaugeMetricFamily]:
    meaning = "Whether the broker answered this scrape."
    try:
        ask_broker()
        waiting = messages_waiting()
    except (OSError, RedisError):
        yield gauge("broker_up", meaning, 0)
        return
    yield gauge("broker_up", meaning, 1)
    yield gauge("broker_messages_waiting", "Messages that no worker took yet.", waiting)


class _Readings(Collector):
    """The gauges of the broker and of the database, or the one that says that it is away."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def collect(self) -> Iterator[GaugeMetricFamily]:
        yield from _of_broker()
        try:
            with probing():
                found = list(readings(self._at))
        except Error:
            found, answers = [], 0
        else:
            answers = 1
        yield gauge("database_up", "Whether the database answered this scrape.", answers)
        yield from found

    def describe(self) -> list[GaugeMetricFamily]:
        """Nothing: registering must not ask the database."""
        return []
