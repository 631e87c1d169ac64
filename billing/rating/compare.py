"""Why one document comes to more than another: parts by price, from the contents alone. Pure.

Amounts are taken with the inclusive tax that is part of them, so that the total is the lines less
the discounts with the exclusive tax. Lines are matched by kind and price code; several of one price
are taken together. What a price comes to on the other document becomes what it comes to on this one
in three steps, each rounded to minor units as a line is:

1. `quantity`: the use of this document at the price and the share of the other;
2. `unit_price`: the price of this document (with its rounding) for that use at the other's share;
3. `proration`: its share; this step ends at the amount that is printed.

Where the other price cannot rate the use of this document (another meter, or the use is sorted by
other cells, allowances or bounds), the price goes first, at the use of the other document; where
that cannot be either, use and price go in one step, `unit_price`.

Where a change cut a price's fee into several lines, each is set beside the same part of the other
document's one.

A price that stands on one document alone is `added` or `removed`. Each `charge`, the `correction`s
of a price, its credits and charges of changes (cause `proration`) and the `minimum` are parts by
themselves. Then come the differences of `discount` and,
by rate, of exclusive `tax` on the same lines. Law: the parts add up to the difference of the
totals; a part of zero is left out. Source: docs/invoices.md, "Compared".
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal, NamedTuple, get_args

from billing.rating.invoice import use_of_evidence
from billing.rating.lines import WHOLE, rate
from billing.rating.plan import PlanPrice, parse_plan_price
from billing.rating.proration import Share
from billing.rating.words import spoken
from neruba.decimals import ZERO, add
from neruba.money import CurrencyMismatchError, Money, Rounding, to_minor

Cause = Literal[
    "quantity",
    "unit_price",
    "proration",
    "added",
    "removed",
    "charge",
    "correction",
    "minimum",
    "discount",
    "tax",
]
CAUSES: tuple[Cause, ...] = get_args(Cause)
Content = Mapping[str, Any]
Order = Literal["quantity_first", "price_first", "together"]
PRICED = frozenset({"recurring", "seat", "usage", "one_time"})
FEES = frozenset({"recurring", "seat"})
# What of a definition has no say in how a use is sorted.
AMOUNTS = frozenset({"unit_amount", "default_unit_amount", "minimum_amount", "maximum_amount"})
RATES = frozenset({"rate_percent", "fixed_fee"})
BOUNDS = ("min_per_event", "max_per_event")


@dataclass(frozen=True, slots=True)
class Part:
    """One reason for the difference, in minor units: above zero where this document has more.
    `price` is a code, or None for what has no price.
    """

    price: str | None
    description: str
    cause: Cause
    amount_minor: int
    text: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """The totals of the other document and of this one in minor units, and why they differ."""

    currency: str
    from_minor: int
    to_minor: int
    parts: tuple[Part, ...]

    @property
    def difference_minor(self) -> int:
        return self.to_minor - self.from_minor


class Group(NamedTuple):
    """What lines are matched by: the kind, and the price, or the line where it has none."""

    kind: str
    name: str


@dataclass(slots=True)
class _Side:
    """What one document has of a group, in minor units; exclusive tax by rate, as printed."""

    lines: list[Content] = field(default_factory=list)
    gross: int = 0
    discount: int = 0
    tax: dict[str, int] = field(default_factory=dict)
    rates: dict[str, tuple[str, str]] = field(default_factory=dict)


class _State(NamedTuple):
    """A price with its rounding, a use as evidence, and a share; each from one of the documents."""

    price: PlanPrice
    rounding: Rounding
    use: Content
    part: Share

    @property
    def exact(self) -> Fraction:
        """What it comes to, in major units."""
        return rate(self.price, use_of_evidence(self.price, self.use), self.part)[1]

    def minor(self, currency: str) -> int:
        """What it comes to, in minor units."""
        return to_minor(self.exact, currency, self.rounding)

    def cut(self, fraction: Fraction) -> "_State":
        """The same for a fraction of its share."""
        part = self.part.fraction * fraction
        return self._replace(part=Share(part.numerator, part.denominator, self.part.unit))

    def at_price_of(self, other: "_State") -> "_State":
        return self._replace(price=other.price, rounding=other.rounding)


def compare(other: Content, this: Content) -> Comparison:
    """Why `this` document comes to more or less than the `other`; both as `Document.content`.

    Returns the parts by price in the order of this document's lines, then of the other's; those of
    a price in the order of the causes. Raises CurrencyMismatchError.
    """
    currency: str = this["currency"]
    if other["currency"] != currency:
        raise CurrencyMismatchError(f"{other['currency']} and {currency} do not mix")
    old, new = _sides(other), _sides(this)
    parts = [
        part
        for group in {**new, **old}
        for part in _parts(group, old.get(group, _Side()), new.get(group, _Side()), currency)
        if part.amount_minor
    ]
    return Comparison(currency, _minor(other["total"]), _minor(this["total"]), tuple(parts))


def signed(minor: int, currency: str) -> str:
    """An amount as a difference is written: with its sign."""
    return f"{'−' if minor < 0 else '+'}{Money(abs(minor), currency).amount}"


def _sides(content: Content) -> dict[Group, _Side]:
    """The document by group, in the order of its lines."""
    sides: dict[Group, _Side] = {}
    by_line: dict[str, _Side] = {}
    for line in content["lines"]:
        side = by_line[line["id"]] = sides.setdefault(_group(line), _Side())
        included = line["evidence"].get("included_tax")
        inside = _minor(included["tax"]) if included else 0
        side.lines.append(line)
        side.gross += _minor(line["amount"]) + inside
        # What of the inclusive tax is not put on the line was taken off by its discounts.
        side.discount += inside
    for discount in content["discounts"]:
        for part in discount["lines"]:
            by_line[part["line"]].discount += _minor(part["amount"])
    for tax in content["taxes"]:
        for part in tax["lines"]:
            side, minor = by_line[part["line"]], _minor(part["amount"])
            if tax["inclusive"]:
                side.discount -= minor
                continue
            side.tax[tax["rate"]] = side.tax.get(tax["rate"], 0) + minor
            side.rates[tax["rate"]] = (tax["name"], "" if tax["reason"] else tax["rate_percent"])
    return sides


def _group(line: Content) -> Group:
    kind = line["kind"]
    if kind == "charge":
        return Group(kind, line["id"])
    return Group(kind, "" if kind == "minimum" else line["price"] or "")


def _parts(group: Group, old: _Side, new: _Side, currency: str) -> Iterator[Part]:
    """The parts of one group; also those of zero."""
    shown = (new.lines or old.lines)[-1]
    is_priced = group.kind in PRICED
    is_named = is_priced or group.kind == "proration"
    description = shown["evidence"]["price"]["name"] if is_named else shown["description"]
    reasons = _matched if is_priced and old.lines and new.lines else _alone
    for cause, minor, words in (
        *reasons(group, old, new, currency),
        *_around(old, new, currency),
    ):
        text = f"{words}: {signed(minor, currency)}"
        yield Part(shown["price"], description, cause, minor, text)


Reason = tuple[Cause, int, str]


def _alone(group: Group, old: _Side, new: _Side, currency: str) -> Iterator[Reason]:
    """What is not matched, or is a part by itself."""
    minor = new.gross - old.gross
    now, before = Money(new.gross, currency).amount, Money(old.gross, currency).amount
    here = bool(new.lines)
    if group.kind == "charge":
        where = "this document" if here else "the other document"
        yield "charge", minor, f"A one-off charge on {where}"
    elif group.kind == "correction":
        yield "correction", minor, f"Corrections of {now} instead of {before}"
    elif group.kind == "proration":
        yield "proration", minor, f"Changes of what was billed: {now} instead of {before}"
    elif group.kind == "minimum":
        yield "minimum", minor, f"The minimum adds {now} instead of {before}"
    elif here:
        yield "added", minor, "On this document alone"
    else:
        yield "removed", minor, "On the other document alone"


def _around(old: _Side, new: _Side, currency: str) -> Iterator[Reason]:
    """Discounts and exclusive tax on the same lines."""
    off = old.discount - new.discount
    now, before = (Money(side.discount, currency).amount for side in (new, old))
    yield "discount", off, f"Discounts of {now} instead of {before}"
    for code in {**new.tax, **old.tax}:
        after, earlier = new.tax.get(code, 0), old.tax.get(code, 0)
        name, percent = new.rates.get(code) or old.rates[code]
        at = f" of {percent} %" if percent else ""
        past = old.rates.get(code, ("", percent))[1]
        was = f" at {past} %" if past and past != percent else ""
        words = f"{Money(after, currency).amount} instead of {Money(earlier, currency).amount}"
        yield "tax", after - earlier, f"{name or code}{at}: {words}{was}"


def _matched(group: Group, old: _Side, new: _Side, currency: str) -> Iterator[Reason]:
    """The steps from what a price came to on the other document to what it comes to on this."""
    pairs = _pairs(group, old.lines, new.lines)
    order = _order(pairs)
    standing = old.gross
    for cause, states in _steps(pairs, order):
        reached = _reached(group, states, currency)
        words = _quantity_words if cause == "quantity" else _price_words
        yield cause, reached - standing, words(old.lines, new.lines, order)
        standing = reached
    shares = f"{_shares_words(new.lines)} instead of {_shares_words(old.lines)}"
    yield "proration", new.gross - standing, shares


def _pairs(
    group: Group, old: Sequence[Content], new: Sequence[Content]
) -> list[tuple["_State", "_State"]]:
    """Of several lines each is set beside the one in its place, further ones beside the last.

    Fees are for parts of one period: one line stands beside each part of the other's.
    """
    before, after = [_state(line) for line in old], [_state(line) for line in new]
    if group.kind not in FEES:
        ahead = max(len(before) - len(after), 0)
        last = len(before) - 1
        return [(before[min(ahead + i, last)], one) for i, one in enumerate(after)]
    if len(before) == 1 < len(after):
        whole = sum((one.part.fraction for one in after), start=Fraction(0))
        return [(before[0].cut(one.part.fraction / (whole or 1)), one) for one in after]
    longer = max(len(before), len(after))
    return [(before[min(i, len(before) - 1)], after[min(i, len(after) - 1)]) for i in range(longer)]


def _reached(group: Group, states: Sequence["_State"], currency: str) -> int:
    """What states come to together: parts of one fee are rounded once, as its parts sum to it."""
    if group.kind not in FEES:
        return sum(state.minor(currency) for state in states)
    exact = sum((state.exact for state in states), start=Fraction(0))
    return to_minor(exact, currency, states[-1].rounding)


def _order(pairs: Sequence[tuple[_State, _State]]) -> Order:
    if all(_can_rate(old.price, new.price) for old, new in pairs):
        return "quantity_first"
    if all(_can_rate(new.price, old.price) for old, new in pairs):
        return "price_first"
    return "together"


def _steps(
    pairs: Sequence[tuple[_State, _State]], order: Order
) -> Iterator[tuple[Cause, list[_State]]]:
    """The states after each step but the last, which ends at what is printed."""
    if order == "quantity_first":
        yield "quantity", [old._replace(use=new.use) for old, new in pairs]
    elif order == "price_first":
        yield "unit_price", [old.at_price_of(new) for old, new in pairs]
    both = [new._replace(part=old.part) for old, new in pairs]
    yield ("quantity" if order == "price_first" else "unit_price"), both


def _state(line: Content) -> _State:
    evidence = line["evidence"]
    part = evidence.get("share")
    return _State(
        price=parse_plan_price(evidence["price"]),
        rounding=evidence["policy"]["rounding"],
        use=evidence,
        part=Share(part["numerator"], part["denominator"], part["unit"]) if part else WHOLE,
    )


def _can_rate(price: PlanPrice, other: PlanPrice) -> bool:
    """Whether the price can rate a use that stands in the evidence of the other."""
    if price.meter != other.meter:
        return False
    return price.price.reads == "quantity" or _sorting(price) == _sorting(other)


def _sorting(price: PlanPrice) -> object:
    """What of a price decides how groups or events are sorted before they are rated."""
    definition = price.price.definition()
    if price.price.reads == "groups":  # a transform is of the totals, after it
        return _without(definition, AMOUNTS | {"transform"})
    is_bounded = any(definition.get(name) is not None for name in BOUNDS)
    return _without(definition, AMOUNTS if is_bounded else AMOUNTS | RATES)


def _without(value: object, names: frozenset[str]) -> object:
    if isinstance(value, Mapping):
        return {key: _without(one, names) for key, one in value.items() if key not in names}
    return [_without(one, names) for one in value] if isinstance(value, list) else value


def _quantity_words(old: Sequence[Content], new: Sequence[Content], order: Order) -> str:
    which = "old" if order == "quantity_first" else "new"
    before, now = _quantity(old), _quantity(new)
    if before == now:
        return f"The same {now}, made up otherwise, at the {which} price"
    return f"{now} instead of {before} at the {which} price"


def _price_words(old: Sequence[Content], new: Sequence[Content], order: Order) -> str:
    if order == "together":
        return f"{_quantity(new)} at the new price instead of {_quantity(old)} at the old one"
    before, now = old[-1]["unit_amount"], new[-1]["unit_amount"]
    units = _quantity(old if order == "price_first" else new)
    if before is None or now is None or before == now:
        return f"The new price instead of the old one for {units}"
    prices = f"{spoken(Decimal(now))} instead of {spoken(Decimal(before))}"
    is_fee = new[-1]["kind"] in ("recurring", "one_time")
    return prices if is_fee else f"{prices} for each of {units}"


def _quantity(lines: Sequence[Content]) -> str:
    return spoken(add(ZERO, *(Decimal(line["quantity"]) for line in lines)))


def _shares_words(lines: Sequence[Content]) -> str:
    return " and ".join(dict.fromkeys(map(_share_words, lines)))


def _share_words(line: Content) -> str:
    part = line["evidence"].get("share")
    if part is None or part["numerator"] == part["denominator"]:
        return "the whole period"
    return f"{part['numerator']} of {part['denominator']} {part['unit']}"


def _minor(amount: str) -> int:
    """An amount of a content: it has all digits of the currency, and may be of any size."""
    return int(amount.replace(".", ""))
