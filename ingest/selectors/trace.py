"""What became of an event, and whether usage is billed for good.

Billing knows more of both than this app may import, and registers it here from its
`AppConfig.ready`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Protocol

from ingest.models import Meter, UsageEvent, WindowSeries
from ingest.normalize import read_data
from ingest.selectors.archives import with_data
from ingest.selectors.meters import readers_by_type
from neruba.models import Customer
from neruba.period import Interval, day_interval, local_date

# For an event, the objects of the API in which it ever counted: `invoice_lines`, `corrections`.
Tracer = Callable[[UsageEvent], list[dict[str, Any]]]


class Finality(Protocol):
    """Which of the intervals `[start, end)` of a customer's usage by a meter are billed and will
    not change.
    """

    def __call__(
        self, customer: Customer, meter: Meter, intervals: Sequence[tuple[datetime, datetime]]
    ) -> Sequence[bool]: ...


TRACES = ("invoice_lines", "corrections")
_tracers: dict[str, Tracer] = {}
_finalities: list[Finality] = []


def register_tracer(name: str, tracer: Tracer) -> None:
    """Add to `GET /events/one` what the event counted in, under one of the names in TRACES."""
    assert name in TRACES, f"{name} is no part of the contract"
    _tracers[name] = tracer


def register_finality(finality: Finality) -> None:
    """Tell `GET /usage` which intervals are final."""
    if finality not in _finalities:
        _finalities.append(finality)


def traces_of(event: UsageEvent) -> dict[str, list[dict[str, Any]]]:
    """What the event counted in further on, by kind; empty lists where nobody registered."""
    return {name: _tracers[name](event) if name in _tracers else [] for name in TRACES}


def are_final(
    customer: Customer, meter: Meter, intervals: Sequence[tuple[datetime, datetime]]
) -> list[bool]:
    """Whether each interval is billed and will not change."""
    answers = [finality(customer, meter, intervals) for finality in _finalities]
    return (
        [any(column) for column in zip(*answers, strict=True)]
        if answers
        else [False] * len(intervals)
    )


@dataclass(frozen=True, slots=True)
class WindowOfEvent:
    """A local day in which a meter counts the event, or counted it until it was retracted."""

    meter: Meter
    zone: str
    day: date
    hours: Interval
    group: str


def windows_of(event: UsageEvent) -> list[WindowOfEvent]:
    """Every window that the event ever counted in: one for each meter that reads it and each zone
    that is kept.
    """
    data = read_data(with_data(event).data)
    meters = readers_by_type(event.project, [event.type]).get(event.type, [])
    kept = WindowSeries.objects.filter(project=event.project, subject=event.subject)
    zones: dict[int, set[str]] = {}
    for meter_id, zone in kept.values_list("meter_id", "zone"):
        zones.setdefault(meter_id, set()).add(zone)
    customer = event.subject.customer
    own = (customer.timezone if customer else "") or event.project.timezone
    return [
        _window(event, meter, zone, reader.group(data))
        for meter, reader in meters
        if reader.counts(data)
        for zone in sorted({own} | zones.get(meter.pk, set()))
    ]


def _window(event: UsageEvent, meter: Meter, zone: str, group: str) -> WindowOfEvent:
    day = local_date(event.effective_at, zone)
    return WindowOfEvent(meter, zone, day, day_interval(day, zone), group)
