"""A percentage of the money that passes, each part of it at the percent of its own tier.

Law: amount(q) = the sum over the tiers of the money in (bound below, up_to] x `rate_percent` / 100,
plus the `flat_amount` of every tier entered. With 5 % up to 100 and then 2 % plus 10, 150 cost
100 x 5 % + 50 x 2 % + 10 = 16.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from billing.rating.definition import (
    HUNDREDTH,
    percent_text,
    read_amount,
    read_percent,
    refuse_unknown,
)
from billing.rating.numbers import Number
from billing.rating.price import Rated
from billing.rating.quantity import quantity_model
from billing.rating.tiers import Tier, Tiered, graduated_steps, parse_tiered, read_bound
from billing.rating.words import percent_in_words, spoken
from neruba.decimals import ZERO, multiply, plain

FIELDS = frozenset({"tiers", "first_flat_at_zero"})
TIER_FIELDS = frozenset({"up_to", "rate_percent", "flat_amount"})


class PercentTier(Tier):
    """A tier whose unit is one of money; its `unit_amount` is the percentage as a share."""

    __slots__ = ()

    def words(self, counted: Number, units: Number, above: Number | None, flat: Number) -> str:
        """Say what so much money costs in this tier."""
        del counted
        text = percent_in_words(units, above=above or ZERO, share=self.unit_amount)
        return f"{text}, plus {spoken(flat)} for the tier" if flat else text

    def definition(self) -> dict[str, object]:
        return {
            "up_to": None if self.up_to is None else plain(self.up_to),
            "rate_percent": percent_text(self.unit_amount),
            "flat_amount": plain(self.flat_amount),
        }


@dataclass(frozen=True, slots=True)
class GraduatedPercentage:
    tiered: Tiered

    def definition(self) -> dict[str, object]:
        return self.tiered.definition("graduated_percentage")


def parse(definition: Mapping[str, object]) -> GraduatedPercentage:
    """Read `tiers`, each with `up_to`, `rate_percent` (0 to 100) and `flat_amount` (0), and
    `first_flat_at_zero` (true). Raises PriceError.
    """
    refuse_unknown(definition, FIELDS)
    return GraduatedPercentage(parse_tiered(definition, _parse_tier))


def rate(params: GraduatedPercentage, /, *, before: Number | None, more: Number) -> Rated:
    """Price `more` of money when `before` of the period is already rated, as `graduated` does.

    Parts sum: rate(None, a) + rate(a, b) == rate(None, a + b) for a, b >= 0. Source:
    docs/pricing.md, "graduated_percentage".
    """
    return Rated.of(*graduated_steps(params.tiered, before=before, more=more))


def _parse_tier(row: Mapping[str, object], pointer: str) -> Tier:
    refuse_unknown(row, TIER_FIELDS, pointer)
    return PercentTier(
        up_to=read_bound(row, pointer),
        unit_amount=multiply(read_percent(row, "rate_percent", pointer=pointer), HUNDREDTH),
        flat_amount=read_amount(row, "flat_amount", default="0", pointer=pointer),
    )


MODEL = quantity_model(
    name="graduated_percentage", version=1, fields=FIELDS, parse=parse, rate=rate
)
