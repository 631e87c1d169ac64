"""Half-open intervals of time, local days in a time zone, and instants and durations as text.

An instant is an aware `datetime` in UTC. A local day runs from the first instant of its date to the
first instant of the next date in a zone: 23, 24 or 25 hours, all of them one day.
"""

import re
import zoneinfo
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache, lru_cache
from zoneinfo import ZoneInfo

import msgspec

_INSTANT = re.compile(
    r"([0-9]{4}-[0-9]{2}-[0-9]{2})[Tt]((?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2})(?:\.([0-9]+))?"
    r"(?:([Zz])|([+-])([01][0-9]|2[0-3]):([0-5][0-9]))?"
)
# What most senders write: an offset of nothing, and nothing to cut.
_UTC_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?"
    r"(?:Z|\+00:00)"
)
_DURATION = re.compile(
    r"P(?=[0-9T])(?:([0-9]{1,9})D)?"
    r"(?:T(?=[0-9])(?:([0-9]{1,9})H)?(?:([0-9]{1,9})M)?(?:([0-9]{1,9})S)?)?"
)
# Names that mean something else on each machine, or nothing.
_NO_ZONES = frozenset({"localtime", "Factory", "posixrules"})
# Room on both sides for zones, periods and grace: near the ends of what a `datetime` and MySQL's
# columns hold, no local date or boundary could be computed.
EARLIEST = datetime(1900, 1, 1, tzinfo=UTC)
LATEST = datetime(3000, 1, 1, tzinfo=UTC)

_SECOND = timedelta(seconds=1)
_DAY = timedelta(days=1)

# Writes an instant twenty times as fast as `datetime.isoformat`.
_write = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Interval:
    """The instants from `start` up to, and without, `end`; empty where both are the same."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        for bound in (self.start, self.end):
            if bound.utcoffset() != timedelta(0):
                raise ValueError(
                    f"a bound of an interval is an instant in UTC, not {bound.isoformat()}"
                )
        if self.end < self.start:
            raise ValueError(f"an interval cannot end ({self.end}) before it starts ({self.start})")

    def __contains__(self, instant: datetime) -> bool:
        return self.start <= instant < self.end

    @property
    def duration(self) -> timedelta:
        """The time elapsed between the bounds, clock changes counted."""
        return self.end - self.start

    @property
    def is_empty(self) -> bool:
        return self.start == self.end

    def intersection(self, other: "Interval") -> "Interval | None":
        """Return what both have in common, or None where that is nothing."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        return Interval(start, end) if start < end else None


@cache
def zone_named(name: str) -> ZoneInfo:
    """Return the zone of the IANA database with this name. Raises ValueError for other names."""
    if name not in _zone_names():
        raise ValueError(
            f"{name[:64]!r} is not a time zone of the IANA database, such as Europe/Berlin"
        )
    return ZoneInfo(name)


@cache
def _zone_names() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones()) - _NO_ZONES


def _zone(zone: ZoneInfo | str) -> ZoneInfo:
    return zone_named(zone) if isinstance(zone, str) else zone


@lru_cache(maxsize=65536)
def local_midnight(day: date, zone: ZoneInfo | str) -> datetime:
    """Return the first instant of a local date, in UTC.

    Where the clock passes midnight twice that is the first time; where it jumps over midnight it is
    the instant of the jump. A date that a zone left out (Pacific/Apia, 30 December 2011) has no
    instants: it starts where the next one does. Raises ValueError for an unknown zone.
    """
    return local_instant(day, time(), zone)


def local_instant(day: date, clock: time, zone: ZoneInfo | str) -> datetime:
    """Return the first instant, in UTC, at which a zone's clock shows a reading or a later one.

    `clock` is naive. A reading that comes twice means its first time; one that is jumped over means
    the instant of the jump. Raises ValueError for an unknown zone.
    """
    place = _zone(zone)
    reading = datetime.combine(day, clock).replace(fold=0)
    first = reading.replace(tzinfo=place).astimezone(UTC)
    after = reading.replace(tzinfo=place, fold=1).astimezone(UTC)
    if after >= first:
        return first
    # The reading lies in a gap. It means one instant by the offset before the jump and an earlier
    # one by the offset after it; the jump, on a whole second, lies between the two: halve until it
    # is found.
    low, high = after.replace(microsecond=0), first.replace(microsecond=0)
    while high - low > _SECOND:
        middle = low + (high - low) // _SECOND // 2 * _SECOND
        if middle.astimezone(place).replace(tzinfo=None) < reading:
            low = middle
        else:
            high = middle
    return high


def local_date(instant: datetime, zone: ZoneInfo | str) -> date:
    """Return the date that a clock in the zone shows at an instant."""
    return instant.astimezone(_zone(zone)).date()


def day_interval(day: date, zone: ZoneInfo | str) -> Interval:
    """Return the instants of a local date; empty for a date that the zone left out."""
    return Interval(local_midnight(day, zone), local_midnight(day + _DAY, zone))


def days_between(start: datetime, end: datetime, zone: ZoneInfo | str) -> Iterator[date]:
    """Yield, in order, the local dates whose days have an instant in `[start, end)`."""
    day = local_date(start, zone)
    while start < end:
        hours = day_interval(day, zone)
        if hours.start >= end:
            return
        if not hours.is_empty and hours.end > start:
            yield day
        day += _DAY


def parse_instant(text: str) -> datetime:
    """Read an instant of RFC 3339 and return it in UTC.

    Any offset is taken, `Z` and `T` also in lower case. Digits beyond the microsecond are cut, not
    rounded, so that no instant moves into the next second, day or period. Raises ValueError for
    text without an offset, for other notations, for dates that do not exist, for a leap second,
    which no `datetime` can hold, and outside of EARLIEST to LATEST.
    """
    instant = _regular_instant(text)
    return _any_instant(text) if instant is None else instant


def _regular_instant(text: str) -> datetime | None:
    """The instant where it is written in UTC; None where `_any_instant` must look closer."""
    if _UTC_INSTANT.fullmatch(text) is None:
        return None
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        return None
    return instant if EARLIEST <= instant < LATEST else None


def _any_instant(text: str) -> datetime:
    match = _INSTANT.fullmatch(text)
    if match is None:
        raise ValueError(f"{text[:64]!r} is not a time of RFC 3339, such as 2024-05-01T12:30:00Z")
    day, clock, fraction, zulu, sign, hours, minutes = match.groups()
    if zulu is None and sign is None:
        raise ValueError(f"{text[:64]!r} names no offset; write Z for UTC or one such as +02:00")
    offset = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
    try:
        local = datetime.fromisoformat(f"{day}T{clock}.{(fraction or '')[:6]:0<6}+00:00")
        instant = local + offset if sign == "-" else local - offset
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{text[:64]!r} is not a time that exists: {error}") from None
    if not EARLIEST <= instant < LATEST:
        raise ValueError(f"{text[:64]!r} lies outside of the years 1900 to 2999")
    return instant


def rfc3339(instant: datetime) -> str:
    """Write an aware instant in UTC with microseconds and `Z`; a naive one raises ValueError."""
    if instant.tzinfo is not UTC:
        if instant.utcoffset() is None:
            raise ValueError("a time without an offset is not an instant")
        instant = instant.astimezone(UTC)
    seconds = _write(instant)[1 : 1 + len("YYYY-MM-DDThh:mm:ss")].decode()
    return f"{seconds}.{instant.microsecond:06}Z"


def parse_duration(text: str) -> timedelta:
    """Read a duration of ISO 8601 in days, hours, minutes, seconds: P3D, PT1H, P1DT30M, PT0S.

    A day is 24 hours here. Raises ValueError for years, months, weeks, fractions, signs and for
    what is too long.
    """
    match = _DURATION.fullmatch(text)
    if match is None:
        raise ValueError(
            f"{text[:64]!r} is not a duration in days, hours, minutes, seconds, such as PT1H"
        )
    days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
    try:
        return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    except OverflowError:
        raise ValueError(f"{text[:64]!r} is longer than any duration here") from None
