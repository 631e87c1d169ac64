"""Coupons on the lines of an invoice: percents first, then amounts. Pure.

The unit of a coupon is the period of the subscription: `once` covers the first period in which it
discounts a line, `repeating` that one and those that follow, and an amount is given once in each.
Source: docs/discounts-and-tax.md.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from billing.rating.coupon import RedeemedCoupon
from neruba.decimals import plain
from neruba.money import Money, Rounding, allocate, rounded_minor
from neruba.period import parse_instant, rfc3339

DISCOUNTED = frozenset({"recurring", "seat", "usage", "one_time", "proration"})
HUNDRED = 100


@dataclass(frozen=True, slots=True)
class Discountable:
    """A line as coupons see it: its key, its price's code, the number and the end of the period
    of the subscription that it belongs to, and its amount above zero in minor units.
    """

    line: str
    price: str
    unit: int
    ends_at: datetime
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Discount:
    """What a coupon takes off a line, in minor units, net of inclusive tax; below zero where a
    correction takes a discount back. `unit` is the number of the period that it counts for.
    """

    coupon: RedeemedCoupon
    line: str
    unit: int
    amount_minor: int
    included_minor: int = 0

    @property
    def gross_minor(self) -> int:
        """With the inclusive tax of what it takes off."""
        return self.amount_minor + self.included_minor

    def net_of(self, included_minor: int) -> "Discount":
        """The discount less the inclusive tax that is part of it."""
        return replace(
            self, amount_minor=self.amount_minor - included_minor, included_minor=included_minor
        )


@dataclass(frozen=True, slots=True)
class CouponFacts:
    """A coupon, and what it did for the subscription before this document: `first` is the number
    of the first period that it discounted, `used` what it took off by period, in minor units.
    """

    coupon: RedeemedCoupon
    first: int | None = None
    used: Mapping[int, int] = field(default_factory=dict)

    def covers(self, unit: int, first: int) -> bool:
        """Whether the period is one of those that it discounts, where `first` is their first."""
        if self.coupon.duration == "forever":
            return True
        return first <= unit < first + (self.coupon.periods or 1)

    def after(self, discounts: Sequence[Discount]) -> "CouponFacts":
        """The same coupon once a document with these discounts is issued."""
        mine = [one for one in discounts if one.coupon.number == self.coupon.number]
        if not mine:
            return self
        used = defaultdict(int, self.used)
        for one in mine:
            used[one.unit] += one.gross_minor
        lowest = min(one.unit for one in mine)
        first = lowest if self.first is None else min(self.first, lowest)
        return replace(self, first=first, used=dict(used))

    def content(self) -> dict[str, Any]:
        """The canonical form: `read` of it gives equal facts."""
        one = self.coupon
        return {
            "code": one.code,
            "name": one.name,
            "percent_off": None if one.percent_off is None else plain(one.percent_off),
            "amount_off_minor": one.amount_off_minor,
            "currency": one.currency,
            "duration": one.duration,
            "periods": one.periods,
            "prices": sorted(one.prices),
            "number": one.number,
            "redeemed_at": rfc3339(one.redeemed_at),
            "first": self.first,
            "used": {str(unit): minor for unit, minor in sorted(self.used.items())},
        }

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> "CouponFacts":
        """Read what `content` wrote."""
        percent = content["percent_off"]
        coupon = RedeemedCoupon(
            code=content["code"],
            name=content["name"],
            percent_off=None if percent is None else Decimal(percent),
            amount_off_minor=content["amount_off_minor"],
            currency=content["currency"],
            duration=content["duration"],
            periods=content["periods"],
            prices=frozenset(content["prices"]),
            number=content["number"],
            redeemed_at=parse_instant(content["redeemed_at"]),
        )
        used = {int(unit): minor for unit, minor in content["used"].items()}
        return cls(coupon, content["first"], used)


def discounts_of(
    lines: Sequence[Discountable],
    coupons: Sequence[CouponFacts],
    *,
    currency: str,
    rounding: Rounding,
) -> tuple[Discount, ...]:
    """What coupons take off these lines: percents in order of redemption, each of what is left,
    rounded once and spread over its lines in proportion to what is left of them; then amounts, each
    at most what is left of its lines.

    A coupon discounts no line of a period that had ended when it was redeemed. Returned by coupon
    in that order, then by line. Law: no line is discounted below zero.
    """
    left = {line.line: line.amount_minor for line in lines}
    answer: list[Discount] = []
    order = sorted(coupons, key=lambda one: (one.coupon.percent_off is None, one.coupon.number))
    for one in order:
        if one.coupon.percent_off is None and one.coupon.currency != currency:
            continue
        mine = _lines_of(one, lines, left)
        taken = (
            _amounts(one, mine, left)
            if one.coupon.percent_off is None
            else _percents(one.coupon, mine, left, rounding)
        )
        for line, minor in taken:
            if minor:
                left[line.line] -= minor
                answer.append(Discount(one.coupon, line.line, line.unit, minor))
    return tuple(answer)


def known_discounts(
    amount_minor: int,
    given: Sequence[Discount],
    first_off: Mapping[int, int],
    rounding: Rounding,
) -> tuple[Discount, ...]:
    """What coupons that a line was printed with take off it when it comes to `amount_minor`: the
    same percents of what is left, then the same amounts as far as they still fit.

    `given` is all that they took off so far, one for each coupon in order of application;
    `first_off` what each took off at first, by number, in minor units: an amount that a smaller
    line had no room for comes back with the rest of the line.
    """
    left = max(amount_minor, 0)
    answer = []
    for one in given:
        if one.coupon.percent_off is None:
            minor = min(first_off[one.coupon.number], left)
        else:
            exact = Fraction(one.coupon.percent_off) * left / HUNDRED
            minor = rounded_minor(exact, rounding)
        left -= minor
        answer.append(replace(one, amount_minor=minor))
    return tuple(answer)


def discount_content(discounts: Sequence[Discount], currency: str) -> list[dict[str, Any]]:
    """The discounts of an invoice in the form that is hashed, by coupon in order of first use."""
    by_coupon: dict[str, list[Discount]] = {}
    for one in discounts:
        by_coupon.setdefault(one.coupon.code, []).append(one)
    return [
        {
            "coupon": code,
            "name": of[0].coupon.name,
            "percent_off": _text(of[0].coupon.percent_off),
            "amount_off": _money(of[0].coupon.amount_off_minor, currency),
            "amount": Money(sum(one.amount_minor for one in of), currency).amount,
            "lines": [
                {"line": one.line, "amount": Money(one.amount_minor, currency).amount} for one in of
            ],
        }
        for code, of in by_coupon.items()
    ]


def _text(percent: Decimal | None) -> str | None:
    return None if percent is None else plain(percent)


def _money(minor: int | None, currency: str) -> str | None:
    return None if minor is None else Money(minor, currency).amount


def _lines_of(
    one: CouponFacts, lines: Sequence[Discountable], left: Mapping[str, int]
) -> list[Discountable]:
    open_to_it = [
        line
        for line in lines
        if left[line.line] > 0
        and line.ends_at > one.coupon.redeemed_at
        and (not one.coupon.prices or line.price in one.coupon.prices)
    ]
    if not open_to_it:
        return []
    first = one.first
    if first is None:
        first = min(line.unit for line in open_to_it)
    return [line for line in open_to_it if one.covers(line.unit, first)]


def _percents(
    coupon: RedeemedCoupon,
    lines: Sequence[Discountable],
    left: Mapping[str, int],
    rounding: Rounding,
) -> list[tuple[Discountable, int]]:
    assert coupon.percent_off is not None
    weights = [left[line.line] for line in lines]
    total = rounded_minor(Fraction(coupon.percent_off) * sum(weights) / HUNDRED, rounding)
    return list(zip(lines, allocate(total, weights), strict=True)) if lines else []


def _amounts(
    one: CouponFacts, lines: Sequence[Discountable], left: Mapping[str, int]
) -> list[tuple[Discountable, int]]:
    """The amount is given once in each period, whichever of its documents take it."""
    assert one.coupon.amount_off_minor is not None
    answer = []
    for unit in sorted({line.unit for line in lines}):
        mine = [line for line in lines if line.unit == unit]
        weights = [left[line.line] for line in mine]
        rest = max(one.coupon.amount_off_minor - one.used.get(unit, 0), 0)
        answer += list(zip(mine, allocate(min(rest, sum(weights)), weights), strict=True))
    return answer
