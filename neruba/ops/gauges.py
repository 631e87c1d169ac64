"""What is read from the database when it is asked for: how much waits, since when.

Each app registers the gauges of its own rows. A reading is a query by an index that looks at no
more than 10,000 rows, and knows no project: tenants' names and numbers are nobody's business.
"""

from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

from django.db.models import Q, QuerySet
from prometheus_client.core import GaugeMetricFamily

from neruba.append_only import missing_triggers
from neruba.models import Heartbeat, InvariantCheck, Lease, OutboxMessage

CAP = 10_000
Source = Callable[[datetime], Iterator[GaugeMetricFamily]]

_sources: list[Source] = []


def register_gauges(source: Source) -> None:
    """Add an app's gauges; called from `AppConfig.ready`. The source gets the wall time."""
    if source not in _sources:
        _sources.append(source)


def readings(at: datetime) -> Iterator[GaugeMetricFamily]:
    """Every gauge of every app at the wall time `at`."""
    for source in (_work, _signs_of_life, _invariants, *_sources):
        yield from source(at)


def gauge(name: str, meaning: str, value: int | float) -> GaugeMetricFamily:
    """A gauge without labels."""
    return GaugeMetricFamily(f"neruba_{name}", meaning, value=value)


def gauge_by(
    label: str, name: str, meaning: str, values: dict[str, int | float]
) -> GaugeMetricFamily:
    """A gauge with one label, whose values are from a small, fixed set."""
    family = GaugeMetricFamily(f"neruba_{name}", meaning, labels=[label])
    for labelled, value in values.items():
        family.add_metric([labelled], value)
    return family


def capped_count(rows: QuerySet[Any]) -> int:
    """How many, counting no further than 10,000."""
    return rows.order_by()[:CAP].count()


def age(at: datetime, since: datetime | None) -> float:
    """Seconds from `since` to `at`; 0 where there is nothing, or it lies ahead."""
    return 0.0 if since is None else max(0.0, (at - since).total_seconds())


def _work(at: datetime) -> Iterator[GaugeMetricFamily]:
    waiting = OutboxMessage.objects.filter(state=OutboxMessage.State.WAITING)
    at_once, later = waiting.filter(due_at=None), waiting.filter(due_at__lte=at)
    dead = OutboxMessage.objects.filter(state=OutboxMessage.State.DEAD)
    oldest = max(
        age(at, at_once.order_by("id").values_list("recorded_at", flat=True).first()),
        age(at, later.order_by("due_at").values_list("due_at", flat=True).first()),
    )
    due = min(CAP, capped_count(at_once) + capped_count(later))
    yield gauge("outbox_due", "News that is due and not delivered, up to 10,000.", due)
    yield gauge("outbox_oldest_due_seconds", "How long the oldest of it is due.", oldest)
    yield gauge("outbox_dead", "News that waits for a person, up to 10,000.", capped_count(dead))
    held = Lease.objects.filter(expires_at__gt=at).order_by("heartbeat_at")
    expired = Lease.objects.filter(Q(expires_at__lte=at)).order_by("expires_at")
    heard = held.values_list("heartbeat_at", flat=True).first()
    since = expired.values_list("expires_at", flat=True).first()
    yield gauge("leases_held", "Work that workers hold, up to 10,000.", capped_count(held))
    yield gauge(
        "lease_oldest_heartbeat_seconds",
        "Time since the least active holder was heard of.",
        age(at, heard),
    )
    yield gauge(
        "lease_oldest_expired_seconds",
        "How long a lease is expired and not removed.",
        age(at, since),
    )


def _signs_of_life(at: datetime) -> Iterator[GaugeMetricFamily]:
    beats = Heartbeat.objects.values_list("name", "at")
    values: dict[str, int | float] = {name: age(at, heard) for name, heard in beats}
    yield gauge_by("name", "heartbeat_age_seconds", "Time since it was heard of.", values)


def _invariants(at: datetime) -> Iterator[GaugeMetricFamily]:
    kept = list(InvariantCheck.objects.all())
    violations: dict[str, int | float] = {check.name: check.violations for check in kept}
    ages: dict[str, int | float] = {check.name: age(at, check.at) for check in kept}
    violations["triggers"], ages["triggers"] = len(missing_triggers()), 0
    yield gauge_by("check", "invariant_violations", "What should be true and is not.", violations)
    yield gauge_by("check", "invariant_check_age_seconds", "Time since it was looked at.", ages)
