"""The known lines of changes as stories of the real API: what each price of a row is credited and
charged.

A credit is of a price that was billed ahead and ends, a charge of one that begins: with a change of
plan where a row has both, else with the start, the end or the pause of a subscription. The bounds
of the rows are dates, taken as local midnights.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Any

from dateutil.relativedelta import relativedelta

from neruba.money import Money
from neruba.period import local_midnight, rfc3339
from tests.billing.rating.known_parts import BASES, LAST_DAYS, TERMINATIONS, day_of, whole_of
from tests.billing.story import Story, flat

DAY, LATER = timedelta(days=1), timedelta(hours=1)
JANUARY = (date(2025, 1, 1), date(2025, 2, 1))
MONTHS = {1: ("month", 1), 3: ("month", 3), 12: ("year", 1)}
SEATS = re.compile(r"(\d+) seats")
PLAN_CHANGES = ("change_plan", "upgrade", "downgrade")
USED = "used"


@dataclass(frozen=True)
class KnownLine:
    """A line of a row, with the instants of its part and its period."""

    code: str
    is_credit: bool
    amount: str
    minor: int
    start: datetime
    end: datetime
    whole: tuple[date, date]
    label: str
    cap_minor: int | None


class ChangeStory:
    """A row of lines, told."""

    def __init__(self, row: Mapping[str, Any]) -> None:
        self.row = row
        self.zone: str = row.get("timezone", "UTC")
        self.action = row.get("action", "change_plan")
        self.is_arrears = row.get("timing") == "in_arrears"
        self.lines = [self._line(place, one) for place, one in enumerate(row["lines"])]
        self.credits = [one for one in self.lines if one.is_credit]
        self.charges = [one for one in self.lines if not one.is_credit]
        self.is_inclusive = self.action in TERMINATIONS and row["source"].startswith("getlago/")
        self.story = Story(
            currency=row["currency"],
            timezone=self.zone,
            proration_basis=BASES[row["policy"]],
            termination_day="inclusive" if self.is_inclusive else "exclusive",
        )

    def told(self) -> list[int]:
        """Play it; what each line of the row comes to, in minor units, in their order."""
        tell = {
            "pause_resume": self._pause,
            "start_terminate": self._start_and_end,
            "commitment_true_up": self._commitment,
        }.get(self.action)
        if tell is None and self.action == "terminate" and self.charges and self.credits:
            tell = self._price_minimum
        if tell is None and self.credits and self.charges:
            tell = self._change_seats if self._is_of_seats else self._change
        if tell is None:
            tell = self._end if self.credits else self._charge
        last = tell()
        self.documents = self.story.documents(last, str(self.row["id"]))
        return [self._found(one) for one in self.lines]

    # How each is told; the answer is the instant at which to look.

    def _change(self) -> datetime:
        start, at = self._midnight(self.whole[0]), self.lines[0].start
        self._subscribe(start, self._fees(self.credits))
        self._give_back(at)
        self._plan("new", self._fees(self.charges))
        self.story.change(at, "change_plan", plan="new", invoice="now")
        return at + LATER

    def _change_seats(self) -> datetime:
        (before,), (after,) = self.credits, self.charges
        start = self._midnight(self.whole[0])
        seats, unit = self._seats(before), Decimal(before.amount) / self._seats(before)
        price = {"code": "seats", "kind": "seat", "model": "per_unit", "unit_amount": str(unit)}
        self._subscribe(start, [price], quantities={"seats": str(seats)})
        given = {"price": "seats", "quantity": str(self._seats(after))}
        self.story.change(after.start, "set_quantity", invoice="now", **given)
        return after.start + LATER

    def _end(self) -> datetime:
        at = self._last_instant(self.credits[0].start)
        self._subscribe(self._midnight(self.whole[0]), self._fees(self.credits))
        self.story.change(at, "cancel", at="now")
        return at + LATER

    def _start_and_end(self) -> datetime:
        (charge,), (credit,) = self.charges, self.credits
        at = max(self._last_instant(credit.start), charge.start)
        self._subscribe(charge.start, [flat("fee", charge.amount)])
        self.story.change(at, "cancel", at="now")
        return at + LATER

    def _charge(self) -> datetime:
        """What is due for a part of a period without a credit: from its start, or to its end."""
        part = self.charges[0]
        whole = [self._midnight(day) for day in self.whole]
        fees = self._fees(self.charges)
        if self.action == "trial_end":
            self._subscribe(whole[0], fees, trial_end=rfc3339(part.start + DAY / 2))
            return part.start + DAY
        if self.action in PLAN_CHANGES and part.start > whole[0]:
            self._plan("before", [flat("before", "1")], interval="month", interval_count=1)
            self._plan("new", fees)
            self._subscribe_to("before", whole[0])
            self.story.change(part.start, "change_plan", plan="new", invoice="now")
            return part.start + LATER
        ends = {}
        if part.end < whole[1] and not self.is_arrears:
            ends["end_at"] = rfc3339(part.end)
        self._subscribe(part.start, fees, **ends)
        if part.end == whole[1] or ends:
            return (part.end if self.is_arrears else part.start) + LATER
        if self.action in PLAN_CHANGES:
            self._plan("new", [flat("after", "1", billing="in_arrears")])
            self.story.change(part.end, "change_plan", plan="new")
            return whole[1] + LATER
        at = self._last_instant(part.end)
        self.story.change(at, "cancel", at="now")
        return at + LATER

    def _pause(self) -> datetime:
        first, second = self.lines
        start = self._midnight(self.whole[0])
        self._subscribe(start, [flat("fee", first.amount, billing=self._billing)])
        paused = first.start if first.is_credit else first.end
        self.story.change(paused, "pause", **self._now)
        self.story.change(second.start, "resume", **self._now)
        return (second.end if self.is_arrears else second.start) + LATER

    def _commitment(self) -> datetime:
        (minimum,), (fee,) = self.charges, self.credits
        prices = [flat("fee", fee.amount, billing="in_arrears")]
        self._plan("plan", prices, minimum_commitment=minimum.amount)
        self._subscribe_to("plan", minimum.start)
        return minimum.end + LATER

    def _price_minimum(self) -> datetime:
        """A price's minimum, cut short; what was used counts towards it."""
        (minimum,), (usage,) = self.charges, self.credits
        meter = {"code": USED, "event_type": USED, "aggregation": "sum", "value_property": "value"}
        self.story.call(minimum.start, "POST /meters", meter)
        price = {"code": "fee", "kind": "usage", "meter": USED, "model": "per_unit"}
        limit = {"unit_amount": "1", "minimum_amount": minimum.amount}
        self._subscribe(minimum.start, [{**price, **limit}])
        self.story.event(minimum.start, USED, {"value": usage.amount})
        at = self._last_instant(minimum.end)
        self.story.change(at, "cancel", at="now")
        return at + LATER

    # What came out.

    def _found(self, line: KnownLine) -> int:
        printed = [one for document in self.documents for one in document["lines"]]
        if self.action == "commitment_true_up":
            fee = sum(self._minor(one) for one in printed if one["price"] == "fee")
            every = sum(self._minor(one) for one in printed)
            return -fee if line.is_credit else every
        if self.action == "terminate" and self.charges and line.is_credit:
            return -Money.parse(line.amount, self.row["currency"]).minor
        code = self._code(line)
        mine = [one for one in printed if one["price"] == code]
        if self.credits and self.charges and not line.is_credit and self._is_one_price:
            mine = [one for one in mine if one["kind"] == "proration"]
        if self.action == "pause_resume" and self.is_arrears:
            period = rfc3339(line.start)
            mine = [one for one in mine if one["period"]["start"] == period]
        minors = [self._minor(one) for one in mine]
        return sum(each for each in minors if (each < 0) == line.is_credit)

    @property
    def _is_one_price(self) -> bool:
        return self._is_of_seats or self.action == "pause_resume"

    def _code(self, line: KnownLine) -> str:
        if self._is_of_seats:
            return "seats"
        is_shared = self.action in ("pause_resume", "start_terminate") or (
            self.action == "terminate" and self.charges and self.credits
        )
        return "fee" if is_shared else line.code

    def _minor(self, line: Mapping[str, Any]) -> int:
        return Money.parse(line["amount"], self.row["currency"]).minor

    # What is agreed.

    def _fees(self, lines: list[KnownLine]) -> list[dict[str, Any]]:
        return [flat(one.code, one.amount, billing=self._billing) for one in lines]

    def _subscribe(self, start: datetime, prices: list[Any], **more: Any) -> None:
        whole = self.credits[0].whole if self.credits else self.whole
        self._plan("plan", prices, **interval_of(*whole))
        self._subscribe_to("plan", start, **more)

    def _plan(self, code: str, prices: list[Any], **more: Any) -> None:
        whole = self.charges[0].whole if self.charges else self.whole
        self.story.plan(self._first, code, prices, **{**interval_of(*whole), **more})

    def _subscribe_to(self, plan: str, start: datetime, **more: Any) -> None:
        self.story.customer(self._first)
        is_whole = start == self._midnight(self.whole[0]) and "trial_end" not in more
        interval = interval_of(*self.whole)["interval"]
        anchor: dict[str, Any] = {"anchor": "anniversary" if is_whole else "calendar"}
        if not is_whole and interval == "month":
            # A day that a month lacks is its last.
            anchor["billing_day"] = max(day.day for day in self.whole)
        self.story.subscribe(start, plan, start_at=rfc3339(start), **anchor, **more)

    def _give_back(self, at: datetime) -> None:
        """What the row says was given back of a line before."""
        for line in self.credits:
            if line.cap_minor is None:
                continue
            full = Money.parse(line.amount, self.row["currency"])
            back = Money(full.minor - line.cap_minor, full.currency).amount
            credit_first_line(self.story, at, back)

    @cached_property
    def _first(self) -> datetime:
        return min(self._midnight(self.whole[0]), *(one.start for one in self.lines))

    @property
    def whole(self) -> tuple[date, date]:
        return self.lines[0].whole

    @property
    def _billing(self) -> str:
        return "in_arrears" if self.is_arrears else "in_advance"

    @property
    def _now(self) -> dict[str, str]:
        return {} if self.is_arrears else {"invoice": "now"}

    @property
    def _is_of_seats(self) -> bool:
        return all(SEATS.search(one.label) for one in self.lines)

    def _seats(self, line: KnownLine) -> int:
        found = SEATS.search(line.label)
        assert found is not None
        return int(found[1])

    def _last_instant(self, end: datetime) -> datetime:
        """When it is ended, so that what is used ends there: at noon of the day before, where that
        day counts as used.
        """
        return end - DAY / 2 if self.is_inclusive else end

    def _midnight(self, day: date) -> datetime:
        return local_midnight(day, self.zone)

    def _line(self, place: int, line: Mapping[str, Any]) -> KnownLine:
        later = LAST_DAYS.get(self.row["policy"], timedelta())
        start, end = whole_of(dict(self.row), dict(line)) if "from" in line else JANUARY
        whole = (start, end + later)
        if "from" in line:
            bounds = [
                self._midnight(day_of(line["from"])),
                self._midnight(day_of(line["to"]) + later),
            ]
        else:
            start, end = (self._midnight(day) for day in whole)
            part = (end - start) * line["numerator"] / line["denominator"]
            bounds = [end - part, end]
        return KnownLine(
            code=f"fee{place}",
            is_credit=line.get("sign") == "-",
            amount=line["full_amount"],
            minor=line["expected_minor"],
            start=bounds[0],
            end=bounds[1],
            whole=whole,
            label=line["label"],
            cap_minor=line.get("cap_minor"),
        )


def interval_of(start: date, end: date) -> dict[str, Any]:
    """The interval of a plan whose period this is."""
    months = (end.year - start.year) * 12 + end.month - start.month
    is_clamped = end.day > start.day and (start + DAY).day == 1
    if months in MONTHS and (start + relativedelta(months=months) == end or is_clamped):
        interval, number = MONTHS[months]
        return {"interval": interval, "interval_count": number}
    days = (end - start).days
    if days % 7 == 0:
        return {"interval": "week", "interval_count": days // 7}
    return {"interval": "day", "interval_count": days}


def credit_first_line(story: Story, at: datetime, amount: str) -> None:
    """A credit note of a part of the first line of the first invoice."""
    story.call(at, "GET /invoices", save={"inv": "data.0.id", "line": "data.0.lines.0.id"})
    note = {"invoice": "{inv}", "lines": [{"line": "{line}", "amount": amount}], "reason": "told"}
    story.call(at, "POST /credit-notes", note)


def cap_story(given: Mapping[str, str]) -> tuple[Story, datetime]:
    """A fee that was charged less a coupon, given back in part, and ended so that its unused part
    would be worth `potential`; and when to look.
    """
    potential, paid, back = (
        Decimal(given[name]) for name in ("potential", "paid", "already_credited")
    )
    amount = max(potential, paid)
    start, end = datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 2, 1, tzinfo=UTC)
    at = (
        end
        - (end - start)
        * Fraction(potential / amount).numerator
        / Fraction(potential / amount).denominator
    )
    story = Story(currency="USD", proration_basis="second")
    story.customer(start)
    if amount > paid:
        coupon = {"code": "off", "amount_off": str(amount - paid), "currency": "USD"}
        story.call(start, "POST /coupons", coupon)
        story.call(start, "POST /customers/acme/coupons", {"code": "off"})
    story.plan(start, "plan", [flat("fee", str(amount))])
    story.subscribe(start, "plan", start_at=rfc3339(start))
    if back:
        # More than was charged cannot be given back.
        credit_first_line(story, start + LATER if at > start else start, str(min(back, paid)))
    story.change(at, "cancel", at="now")
    return story, at + LATER
