"""Proration without storing: the calculator behind `POST /prorate` and `manage.py prorate`.

Both take the same request and give the same answer, by the functions that prorate invoice lines.
Pure.
"""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, cast, get_args

from billing.rating.definition import (
    read_boolean,
    read_choice,
    read_currency,
    read_signed_amount,
    refuse_unknown,
)
from billing.rating.numbers import number_text
from billing.rating.price import PriceError
from billing.rating.proration import Basis, Share, ShareUnit, Span, prorate, share
from billing.rating.rhythm import MONTHS_A_YEAR, Rhythm
from neruba.money import Money, Rounding, to_minor
from neruba.period import Interval, parse_instant, zone_named

FIELDS = frozenset(
    {"amount", "currency", "period", "part", "basis", "timezone", "rounding", "termination"}
)
BOUNDS = frozenset({"start", "end"})
BASES: tuple[str, ...] = get_args(Basis)
UNITS: tuple[str, ...] = get_args(ShareUnit)
ROUNDINGS: tuple[str, ...] = get_args(Rounding)
# What a request leaves out is what a project has that decided nothing.
DEFAULT_BASIS, DEFAULT_ROUNDING, DEFAULT_ZONE = "day", "half_up", "UTC"

_DAY = timedelta(days=1)
# Only day_30 asks for the rhythm of a period.
_ANY_RHYTHM = Rhythm("month")


def prorate_request(request: object) -> dict[str, Any]:
    """Prorate an `amount` of a whole `period` for a `part` of it.

    `amount` is in major units of `currency`, of any sign, with up to 12 decimals, as a price has
    them. Bounds are instants of RFC 3339; `timezone` gives their local dates. `termination` says
    that a termination ends the part and that its day counts as used. Returns `numerator` of
    `denominator` and their `unit`, `amount_exact` (12 decimals of what may have no end), `amount`
    (rounded once) and `complement`: the whole amount, rounded, less `amount`, which is what the
    rest of the period is due. Raises PriceError, whose pointer is seen from the request. Law:
    `amount` + `complement` is the whole amount to the minor unit. Source:
    docs/periods-and-proration.md, "Calculator".
    """
    if not isinstance(request, Mapping):
        raise PriceError("", "not_a_request", "write a request as an object")
    refuse_unknown(request, FIELDS)
    amount = read_signed_amount(request, "amount")
    currency = read_currency(request)
    rounding = cast(
        "Rounding", read_choice(request, "rounding", ROUNDINGS, default=DEFAULT_ROUNDING)
    )
    used = _share(request)
    exact = prorate(amount, used)
    part = Money(to_minor(exact, currency, rounding), currency)
    whole = Money(to_minor(amount, currency, rounding), currency)
    return {
        "numerator": used.numerator,
        "denominator": used.denominator,
        "unit": used.unit,
        "amount_exact": number_text(exact),
        "amount": part.amount,
        "complement": (whole - part).amount,
    }


def months_between(first: date, end: date) -> int | None:
    """How many whole months lie between two dates; None where the number is not whole, or none.

    A date stands for its day of the month, and the last date of a month also for every day that the
    month does not have: 28 February to 30 March 2023 is a month, as billed on every 30th.
    """
    months = (end.year - first.year) * MONTHS_A_YEAR + end.month - first.month
    is_same = (
        first.day == end.day
        or (first.day < end.day and _ends_month(first))
        or (end.day < first.day and _ends_month(end))
    )
    return months if months > 0 and is_same else None


def _share(request: Mapping[str, object]) -> Share:
    basis = cast("Basis", read_choice(request, "basis", BASES, default=DEFAULT_BASIS))
    zone = _zone(request)
    inclusive = read_boolean(request, "termination", default=False)
    whole, part = _span(request, "period", zone), _span(request, "part", zone)
    if whole.start == whole.end:
        raise PriceError("/period/end", "empty", "a period ends after it starts")
    if part.start < whole.start:
        raise PriceError("/part/start", "outside", "the part starts before the period")
    if part.start > whole.end:
        raise PriceError("/part/start", "outside", "the part starts after the period's end")
    if part.end > whole.end:
        raise PriceError("/part/end", "outside", "the part ends after the period")
    rhythm = _ANY_RHYTHM
    if basis != "second" and whole.starts_on == whole.ends_on:
        detail = f"in {zone} the period lies within one date, and has no day to count"
        raise PriceError("/period/end", "empty", detail)
    if basis == "day_30":
        months = months_between(whole.starts_on, whole.ends_on)
        if months is None:
            detail = (
                f"under day_30 a period is a whole number of months, and in {zone} it runs from "
                f"{whole.starts_on} to {whole.ends_on}; weeks and days are counted by day"
            )
            raise PriceError("/period", "not_months", detail)
        rhythm = Rhythm("month", months)
    try:
        return share(
            part,
            whole,
            basis=basis,
            rhythm=rhythm,
            termination_day="inclusive" if inclusive else "exclusive",
        )
    except ValueError as error:
        # A clock that is put back over midnight shows dates in another order than that of time.
        raise PriceError("/part", "outside", str(error)) from None


def _zone(request: Mapping[str, object]) -> str:
    zone = request.get("timezone")
    if zone is None:
        return DEFAULT_ZONE
    if not isinstance(zone, str):
        raise PriceError("/timezone", "invalid", "write a time zone as text, such as Europe/Berlin")
    try:
        zone_named(zone)
    except ValueError as error:
        raise PriceError("/timezone", "invalid", str(error)) from None
    return zone


def _span(request: Mapping[str, object], name: str, zone: str) -> Span:
    given = request.get(name)
    if given is None:
        raise PriceError(f"/{name}", "required", f"{name} is missing")
    if not isinstance(given, Mapping):
        raise PriceError(f"/{name}", "not_an_interval", "write start and end, in an object")
    refuse_unknown(given, BOUNDS, f"/{name}")
    start, end = (_instant(given, bound, f"/{name}") for bound in ("start", "end"))
    if end < start:
        raise PriceError(f"/{name}/end", "before_start", f"the {name} ends before it starts")
    try:
        return Span.of(Interval(start, end), zone)
    except ValueError as error:
        # Later by time, and yet earlier by date: a clock that is put back over midnight.
        raise PriceError(f"/{name}/end", "before_start", str(error)) from None


def _instant(given: Mapping[str, object], name: str, pointer: str) -> datetime:
    text = given.get(name)
    if text is None:
        raise PriceError(f"{pointer}/{name}", "required", f"{name} is missing")
    if not isinstance(text, str):
        raise PriceError(f"{pointer}/{name}", "not_an_instant", "write a time of RFC 3339 as text")
    try:
        return parse_instant(text)
    except ValueError as error:
        raise PriceError(f"{pointer}/{name}", "not_an_instant", str(error)) from None


def _ends_month(day: date) -> bool:
    return (day + _DAY).day == 1
