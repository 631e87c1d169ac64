"""A customer's usage in rows: by day, week, month or in all, and by group."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Literal

from ingest.aggregation.state import State
from ingest.models import Meter
from ingest.normalize import Scalar, data_text, read_data
from ingest.selectors.meters import reader_of
from ingest.selectors.trace import are_final
from ingest.selectors.usage import UsageNeed, states_of
from neruba.errors import InvalidError
from neruba.models import Customer, Subject
from neruba.period import Interval, local_date, local_midnight

Size = Literal["day", "week", "month", "total"]
Stage = Literal["open", "buffered", "final"]

MAX_WINDOWS = 1000
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class UsageRow:
    """One window and group. `stage`: open while its end lies ahead, final when it is billed for
    good.
    """

    window: Interval
    group: dict[str, Scalar]
    quantity: Decimal
    events: int
    stage: Stage


def usage_rows(
    customer: Customer,
    meter: Meter,
    interval: Interval,
    *,
    size: Size,
    group_by: Sequence[str],
    at: datetime,
) -> list[UsageRow]:
    """The customer's usage in an interval, true for every event accepted before.

    Windows begin with local days, weeks (Monday) and months in the customer's zone, and end with
    the interval. Without `group_by` every window is there, else every group that had events. Raises
    InvalidError for a property that the meter does not keep, and for more than 1,000 windows.
    """
    zone = customer.timezone or customer.project.timezone
    unknown = [name for name in group_by if name not in meter.group_by]
    if unknown:
        raise InvalidError(
            f"Meter {meter.code!r} is not grouped by {unknown[0]!r}.", pointer="/group_by"
        )
    windows = list(_tiles(interval, size, zone))
    grouped = _grouped(customer, meter, windows, zone, group_by)
    aggregation = reader_of(meter).aggregation
    final = are_final(customer, meter, [(window.start, window.end) for window in windows])
    rows = []
    for window, groups, is_final in zip(windows, grouped, final, strict=True):
        stage: Stage = "open" if window.end > at else "final" if is_final else "buffered"
        rows += [
            UsageRow(window, read_data(group), aggregation.result(state), state.count, stage)
            for group, state in sorted(groups.items())
        ]
    return rows


def _grouped(
    customer: Customer,
    meter: Meter,
    windows: Sequence[Interval],
    zone: str,
    group_by: Sequence[str],
) -> list[dict[str, State]]:
    """For each window the states by group, of all subjects of the customer."""
    found: list[dict[str, State]] = [{} if group_by else {"{}": State()} for _ in windows]
    subjects = list(
        Subject.objects.filter(customer=customer).order_by("id").values_list("id", flat=True)
    )
    needs = [
        UsageNeed(subject_id, meter.pk, zone, window.start, window.end, None)
        for subject_id in subjects
        for window in windows
    ]
    states = states_of(customer.project, needs, bound=None, source="windows")
    for index, by_group in enumerate(states):
        groups = found[index % len(windows)]
        for group, state in by_group.items():
            if state.count == 0 and group_by:
                continue
            kept = read_data(group.by)
            key = data_text({name: kept[name] for name in group_by})
            groups.setdefault(key, State()).merge(state)
    return found


def _tiles(interval: Interval, size: Size, zone: str) -> Iterator[Interval]:
    """The interval cut at the local boundaries within it."""
    if size == "total":
        yield interval
        return
    start, day = interval.start, local_date(interval.start, zone)
    for _ in range(MAX_WINDOWS):
        day = _next_boundary(day, size)
        end = min(local_midnight(day, zone), interval.end)
        if end > start:
            yield Interval(start, end)
        if end == interval.end:
            return
        start = end
    raise InvalidError(f"More than {MAX_WINDOWS} windows; ask for less at once.", pointer="/to")


def _next_boundary(day: date, size: Size) -> date:
    if size == "day":
        return day + DAY
    if size == "week":
        return day + DAY * (7 - day.weekday())
    return (day.replace(day=1) + DAY * 31).replace(day=1)
