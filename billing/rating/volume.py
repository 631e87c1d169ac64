"""All units at the price of the tier that the total falls in.

Law: amount(q) = q x `unit_amount` + `flat_amount` of the tier with q in (bound below, up_to]. With
2 each up to 100 and 1 each above, 100 units cost 200, and 101 cost 101. A part costs the total less
the total before: where the total falls at a bound, a part is negative.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from billing.rating.definition import refuse_unknown
from billing.rating.numbers import Number, add, multiply, negated, subtract
from billing.rating.price import Rated, Step
from billing.rating.quantity import quantity_model, reach
from billing.rating.tiers import FIELDS, Tier, Tiered, parse_tier, parse_tiered
from billing.rating.words import negative_step
from neruba.decimals import ZERO


@dataclass(frozen=True, slots=True)
class Volume:
    tiered: Tiered

    def definition(self) -> dict[str, object]:
        return self.tiered.definition("volume")


@dataclass(frozen=True, slots=True)
class _Total:
    """The price of a quantity at once: the tier, what is counted of it, and its flat amount."""

    units: Number
    tier: Tier
    counted: Number
    flat: Number


def parse(definition: Mapping[str, object]) -> Volume:
    """Read `tiers`, `first_flat_at_zero` (true) and `free_units` (0). Raises PriceError."""
    refuse_unknown(definition, FIELDS)
    return Volume(parse_tiered(definition, parse_tier))


def rate(params: Volume, /, *, before: Number | None, more: Number) -> Rated:
    """Price `more` units when `before` units of the period are already rated.

    `before` is None for the first part of a period, with which the first flat amount is due. A
    negative quantity rates as zero. Parts sum, because a part is defined so: rate(a, b) ==
    rate(None, a + b) - rate(None, a) for a, b >= 0. Source: docs/pricing.md, "volume".
    """
    negative = [negative_step(more)] if more < 0 else []
    start, end, free = params.tiered.paid(*reach(before, more))
    now = _total(params.tiered, end)
    if before is None:
        return Rated.of(*negative, *free, _step(now, now.counted, now.flat, above=None))
    return Rated.of(*negative, *free, *_gained(_total(params.tiered, start), now))


def _total(tiered: Tiered, units: Number) -> _Total:
    tier = next(tier for tier in tiered.tiers if tier.up_to is None or units <= tier.up_to)
    is_due = units > 0 or tiered.first_flat_at_zero
    return _Total(units, tier, tier.counted(units), tier.flat_amount if is_due else ZERO)


def _gained(then: _Total, now: _Total) -> Iterator[Step]:
    """From one total to another: in one step within a tier, else the new one less the old one."""
    counted, flat = subtract(now.counted, then.counted), subtract(now.flat, then.flat)
    if now.tier is then.tier:
        if now.units != then.units or flat:
            yield _step(now, counted, flat, above=then.units)
        return
    yield _step(now, now.counted, now.flat, above=None)
    if then.counted or then.flat:
        yield Step(
            quantity=negated(then.counted),
            unit_amount=then.tier.unit_amount,
            flat_amount=negated(then.flat),
            amount=negated(add(multiply(then.counted, then.tier.unit_amount), then.flat)),
            say=_less,
            about=(then,),
        )


def _step(total: _Total, counted: Number, flat: Number, *, above: Number | None) -> Step:
    return Step(
        quantity=counted,
        unit_amount=total.tier.unit_amount,
        flat_amount=flat,
        amount=add(multiply(counted, total.tier.unit_amount), flat),
        say=_say,
        about=(total, counted, flat, above),
    )


def _say(total: _Total, counted: Number, flat: Number, above: Number | None) -> str:
    units = total.units if above is None else subtract(total.units, above)
    return total.tier.words(counted, units, above, flat)


def _less(then: _Total) -> str:
    words = then.tier.words(then.counted, then.units, None, then.flat)
    return f"less what was rated before: {words}"


MODEL = quantity_model(
    name="volume", version=1, fields=FIELDS, parse=parse, rate=rate, additive=False
)
