"""Why one invoice comes to more than another, by price and cause. Pure.

Lines are matched by kind and price. Of two that match, the first cause is the quantity, rated at
the old price for the old part of the period; then the price, at the new quantity; then the part of
the period, which takes the rest. What coupons take off and taxes put on is compared beside them.
What stands on one side only is added or removed; charges, corrections and the plan's minimum are
causes of their own. Each step is rounded as its line is, so that the parts add up to the difference
of the totals, to the minor unit. Source: docs/invoices.md, "Compared".
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from billing.rating.invoice import part_of_evidence, use_of_evidence
from billing.rating.lines import rate
from billing.rating.plan import PlanPrice, parse_plan_price
from billing.rating.proration import Share
from billing.rating.words import spoken
from neruba.money import Money, Rounding, to_minor

Cause = Literal[
    "quantity",
    "unit_price",
    "proration",
    "discount",
    "tax",
    "added",
    "removed",
    "charge",
    "minimum",
    "correction",
    "other",
]
ALONE: Mapping[str, Cause] = {
    "charge": "charge",
    "minimum": "minimum",
    "correction": "correction",
}
Content = Mapping[str, Any]
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Part:
    """So much of the difference, in minor units, has this cause. `price` is a code, or None."""

    price: str | None
    description: str
    cause: Cause
    amount_minor: int
    text: str


@dataclass(frozen=True, slots=True)
class _Side:
    """What one invoice has of a kind of line and a price. Minor units; `gross` has the inclusive
    tax that is part of the price.
    """

    lines: Sequence[Content] = ()
    gross: int = 0
    discount: int = 0
    tax: int = 0


@dataclass(frozen=True, slots=True)
class _Rating:
    """A line as it was rated, to be rated again with a part of another one."""

    price: PlanPrice
    line: Content

    @classmethod
    def of(cls, line: Content) -> "_Rating":
        return cls(parse_plan_price(line["evidence"]["price"]), line)

    @property
    def share(self) -> Share:
        return part_of_evidence(self.line["evidence"])

    @property
    def rounding(self) -> Rounding:
        rounding: Rounding = self.line["evidence"]["policy"]["rounding"]
        return rounding

    def takes(self, other: "_Rating") -> bool:
        """Whether the other line's use can be rated by this price."""
        if self.price.definition() == other.price.definition():
            return True
        return self.price.price.reads == other.price.price.reads == "quantity"


def compare(old: Content, new: Content) -> tuple[Part, ...]:
    """The parts of what `new` comes to more than `old`, two contents in one currency: in the order
    of the new lines, then of those that are gone; none that is zero.

    Law: they sum to total(new) - total(old).
    """
    assert old["currency"] == new["currency"], "two currencies do not compare"
    currency = new["currency"]
    before, after = _sides(old), _sides(new)
    parts: list[Part] = []
    for key in [*after, *(key for key in before if key not in after)]:
        parts += _parts(key, before.get(key, _Side()), after.get(key, _Side()), currency)
    return tuple(part for part in parts if part.amount_minor)


def _sides(content: Content) -> dict[Key, _Side]:
    off, put = _by_line(content["discounts"]), _by_line(content["taxes"])
    lines: dict[Key, list[Content]] = defaultdict(list)
    for line in content["lines"]:
        # A charge is one of its own; prices are compared from month to month.
        name = line["id"] if line["kind"] == "charge" else line["price"] or ""
        lines[line["kind"], name].append(line)
    return {
        key: _Side(
            several,
            sum(_gross(line) for line in several),
            sum(off[line["id"]] for line in several),
            sum(put[line["id"]] - _included(line) for line in several),
        )
        for key, several in lines.items()
    }


def _by_line(rows: Sequence[Content]) -> dict[str, int]:
    found: dict[str, int] = defaultdict(int)
    for row in rows:
        for part in row["lines"]:
            found[part["line"]] += _minor(part["amount"])
    return found


def _parts(key: Key, old: _Side, new: _Side, currency: str) -> Iterator[Part]:
    kind, _ = key
    shown = (new.lines or old.lines)[0]
    price, name = shown["price"], shown["description"].partition(" (")[0]

    def part(cause: Cause, minor: int, text: str) -> Part:
        sign = "+" if minor > 0 else ""
        return Part(price, name, cause, minor, f"{text}: {sign}{Money(minor, currency).amount}")

    def amounts(before: int, after: int) -> str:
        return f"{Money(after, currency).amount} instead of {Money(before, currency).amount}"

    if kind in ALONE:
        yield part(ALONE[kind], new.gross - old.gross, f"{name}, {amounts(old.gross, new.gross)}")
    elif not old.lines:
        yield part("added", new.gross, f"{name} is new on this invoice")
    elif not new.lines:
        yield part("removed", -old.gross, f"{name} is not on this invoice any more")
    elif len(old.lines) == len(new.lines) == 1:
        for cause, minor, text in _causes(old.lines[0], new.lines[0], currency):
            yield part(cause, minor, text)
    else:
        yield part("other", new.gross - old.gross, f"{name}, {amounts(old.gross, new.gross)}")
    yield part(
        "discount",
        old.discount - new.discount,
        f"discounts on {name}, {amounts(old.discount, new.discount)}",
    )
    yield part("tax", new.tax - old.tax, f"tax on {name}, {amounts(old.tax, new.tax)}")


def _causes(old: Content, new: Content, currency: str) -> Iterator[tuple[Cause, int, str]]:
    """From the gross of one line to that of another, cause by cause."""
    first, second = _Rating.of(old), _Rating.of(new)
    start, end = _gross(old), _gross(new)
    at_old = start
    if first.takes(second):
        at_old = _rated(first.price, second, first.share, first.rounding, currency)
        yield "quantity", at_old - start, f"{_quantities(old, new)} at the old price"
    at_new = _rated(second.price, second, first.share, second.rounding, currency)
    yield "unit_price", at_new - at_old, _prices(first, second)
    yield "proration", end - at_new, _shares(first.share, second.share)


def _rated(price: PlanPrice, use: _Rating, share: Share, rounding: Rounding, currency: str) -> int:
    """What the use of a line comes to at a price, for a part of a period, in minor units."""
    taken = use_of_evidence(price, use.line["evidence"])
    _, exact = rate(price, taken, share)
    return to_minor(exact, currency, rounding)


def _quantities(old: Content, new: Content) -> str:
    before, after = (spoken(Decimal(line["quantity"])) for line in (old, new))
    return f"{after} instead of {before}" if before != after else f"other use of {after}"


def _prices(first: _Rating, second: _Rating) -> str:
    before, after = first.line["unit_amount"], second.line["unit_amount"]
    if before and after and before != after:
        return f"{spoken(Decimal(after))} each instead of {spoken(Decimal(before))}"
    quantity = spoken(Decimal(second.line["quantity"]))
    return f"{quantity} at the new price instead of the old one"


def _shares(before: Share, after: Share) -> str:
    return (
        f"{after.numerator} of {after.denominator} {after.unit} instead of "
        f"{before.numerator} of {before.denominator} {before.unit}"
    )


def _gross(line: Content) -> int:
    return _minor(line["amount"]) + _included(line)


def _included(line: Content) -> int:
    included = line["evidence"].get("included_tax")
    return 0 if included is None else _minor(included["tax"])


def _minor(amount: str) -> int:
    """Minor units of an amount that has all digits of its currency."""
    return int(amount.replace(".", ""))
