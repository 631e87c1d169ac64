"""A customer's usage in rows: by day, week, month or in all, and by group."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Literal

from ingest.aggregation.state import State
from ingest.models import Meter
from ingest.normalize import Scalar, data_text, read_data
from ingest.selectors.meters import reader_of
from ingest.selectors.raw import Group
from ingest.selectors.trace import are_final
from ingest.selectors.usage import UsageNeed, openings_of, states_of
from neruba.errors import InvalidError
from neruba.models import Customer, Subject
from neruba.period import Interval, local_date, local_midnight

Size = Literal["day", "week", "month", "total"]
Stage = Literal["open", "buffered", "final"]

MAX_WINDOWS = 1000
DAY = timedelta(days=1)
TOTAL = "{}"


@dataclass(frozen=True, slots=True)
class UsageRow:
    """One window and group. `stage`: open while its end lies ahead, final when it is billed for
    good. Where the meter carries over, `events` are all until the window's end: those that the
    quantity follows from.
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
    reader = reader_of(meter)
    usage = _Grouped(customer, meter, zone, group_by)
    found = usage.of_windows(windows)
    opening = usage.before(windows[0]) if reader.carry_over else {}
    final = are_final(customer, meter, [(window.start, window.end) for window in windows])
    rows = []
    for window, groups, is_final in zip(windows, found, final, strict=True):
        stage: Stage = "open" if window.end > at else "final" if is_final else "buffered"
        for group in sorted({*opening, *groups} if group_by else {TOTAL}):
            before, own = opening.get(group, State()), groups.get(group, State())
            quantity = reader.quantity(before, own, start=window.start, end=window.end)
            events = before.count + own.count
            rows.append(UsageRow(window, read_data(group), quantity, events, stage))
            if reader.carry_over:
                opening[group] = reader.aggregation.carried(before, own)
    return rows


@dataclass(frozen=True, slots=True)
class _Grouped:
    """The states of a customer's events, of all its subjects, by the groups that are asked for."""

    customer: Customer
    meter: Meter
    zone: str
    group_by: Sequence[str]

    def of_windows(self, windows: Sequence[Interval]) -> list[dict[str, State]]:
        """Of each window; groups without events are left out."""
        states = states_of(
            self.customer.project, self._needs(windows), bound=None, source="windows"
        )
        found: list[dict[str, State]] = [{} for _ in windows]
        for index, by_group in enumerate(states):
            self._add(found[index % len(windows)], by_group)
        return found

    def before(self, first: Interval) -> dict[str, State]:
        """Of all that came before the first window."""
        found: dict[str, State] = {}
        needs = self._needs([first])
        for by_group in openings_of(self.customer.project, needs, bound=None, source="windows"):
            self._add(found, by_group)
        return found

    def _needs(self, windows: Sequence[Interval]) -> list[UsageNeed]:
        subjects = Subject.objects.filter(customer=self.customer).order_by("id")
        return [
            UsageNeed(subject_id, self.meter.pk, self.zone, window.start, window.end, None)
            for subject_id in subjects.values_list("id", flat=True)
            for window in windows
        ]

    def _add(self, found: dict[str, State], by_group: Mapping[Group, State]) -> None:
        for group, state in by_group.items():
            if state.count:
                kept = read_data(group.by)
                key = data_text({name: kept[name] for name in self.group_by})
                found.setdefault(key, State()).merge(state)


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
