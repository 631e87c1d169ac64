"""Which part of a whole period a fee is due for.

The algorithms, with worked numbers, are in docs/periods-and-proration.md.
"""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Literal
from zoneinfo import ZoneInfo

from billing.rating.rhythm import Rhythm
from neruba.period import Interval, local_date

Basis = Literal["day", "second", "day_30"]
TerminationDay = Literal["exclusive", "inclusive"]
ShareUnit = Literal["days", "seconds", "microseconds"]

# What stands in the evidence. A rule that gives another share gets a new version beside the old
# one.
POLICIES: dict[Basis, str] = {"day": "day@1", "second": "second@1", "day_30": "day_30@1"}

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
_MICROSECOND = timedelta(microseconds=1)
_DAYS_A_MONTH = 30


@dataclass(frozen=True, slots=True)
class Span:
    """A half-open stretch of time, by its instants and by the local dates on which they lie.

    `ends_on` is the date of the excluded end: January is 1 January to 1 February.
    """

    start: datetime
    end: datetime
    starts_on: date
    ends_on: date

    def __post_init__(self) -> None:
        if self.end < self.start or self.ends_on < self.starts_on:
            raise ValueError(f"a span cannot end ({self.end}) before it starts ({self.start})")

    @classmethod
    def of(cls, interval: Interval, zone: ZoneInfo | str) -> "Span":
        """Take the local dates of an interval from the clock of a zone."""
        return cls(
            interval.start,
            interval.end,
            local_date(interval.start, zone),
            local_date(interval.end, zone),
        )


@dataclass(frozen=True, slots=True)
class Share:
    """`numerator` of `denominator` days or seconds, 0 <= numerator <= denominator, not reduced.

    The unit is microseconds only where an instant has a fraction of a second.
    """

    numerator: int
    denominator: int
    unit: ShareUnit

    @property
    def fraction(self) -> Fraction:
        return Fraction(self.numerator, self.denominator)

    @property
    def is_whole(self) -> bool:
        return self.numerator == self.denominator


def share(
    part: Span,
    whole: Span,
    *,
    basis: Basis,
    rhythm: Rhythm,
    termination_day: TerminationDay = "exclusive",
) -> Share:
    """Return how much of a whole period a part of it is.

    `whole` is never a clamped period: for a short first one it is the whole period that ends there.
    Under `day` the local dates decide, so that a part counts from 00:00 of its first date and a day
    of 23 or 25 hours is a day; under `second` the instants; under `day_30` each month of the rhythm
    has 30 days. `termination_day` is for a part that a termination ends: `inclusive` counts the
    date of its end as used, but never one beyond the whole. It does not concern `second`. Raises
    ValueError for a part that is not inside the whole, and for an empty whole. Law: the whole is n
    of n; under `day` and `second`, the shares of adjoining parts add up. Source:
    docs/periods-and-proration.md, "Shares".
    """
    if basis == "second":
        return _share_of_seconds(part, whole)
    ends_on = part.ends_on
    if termination_day == "inclusive":
        ends_on = min(ends_on + _DAY, whole.ends_on)
    if not whole.starts_on <= part.starts_on <= ends_on <= whole.ends_on:
        raise ValueError(
            f"{part.starts_on} to {ends_on} is no part of {whole.starts_on} to {whole.ends_on}"
        )
    if whole.starts_on == whole.ends_on:
        raise ValueError(f"the period of {whole.starts_on} has no day")
    if basis == "day_30" and rhythm.months is not None:
        days = rhythm.months * _DAYS_A_MONTH
        if (part.starts_on, ends_on) == (whole.starts_on, whole.ends_on):
            return Share(days, days, "days")
        used = _days_of_thirty(part.starts_on, ends_on)
        return Share(min(used, days), days, "days")
    return Share((ends_on - part.starts_on).days, (whole.ends_on - whole.starts_on).days, "days")


def prorate(amount: Decimal | Fraction, part: Share) -> Fraction:
    """Return the exact share of an amount; the invoice line rounds it."""
    exact = Fraction(amount)
    return exact if part.is_whole else exact * part.fraction


def _share_of_seconds(part: Span, whole: Span) -> Share:
    if not whole.start <= part.start <= part.end <= whole.end:
        raise ValueError(f"{part.start} to {part.end} is no part of {whole.start} to {whole.end}")
    if whole.start == whole.end:
        raise ValueError(f"the period of {whole.start} has no second")
    used, length = part.end - part.start, whole.end - whole.start
    if used % _SECOND or length % _SECOND:
        return Share(used // _MICROSECOND, length // _MICROSECOND, "microseconds")
    return Share(used // _SECOND, length // _SECOND, "seconds")


def _days_of_thirty(first: date, end: date) -> int:
    """Count days as if each month between the two dates had 30.

    Inside one month these are its days; each month that is left behind counts 30 for what it really
    has.
    """
    months = (end.year - first.year) * 12 + end.month - first.month
    return months * _DAYS_A_MONTH + end.day - first.day
