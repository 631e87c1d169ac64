"""A price for each package of units that is begun, after the free units.

Law: amount(q) = ceil(max(q - `free_units`, 0) / `package_size`) x `package_amount`; with `rounding`
"down" only full packages count. In packages of 10 at 100 each, 25 units cost 3 x 100 = 300.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from billing.rating.definition import (
    read_amount,
    read_choice,
    read_positive,
    read_quantity,
    refuse_unknown,
)
from billing.rating.numbers import Number, multiply, packages, subtract
from billing.rating.price import Rated, Step
from billing.rating.quantity import quantity_model, reach
from billing.rating.tiers import above
from billing.rating.words import free_step, negative_step, packages_in_words
from neruba.decimals import ZERO, plain

FIELDS = frozenset({"package_size", "package_amount", "free_units", "rounding"})


@dataclass(frozen=True, slots=True)
class Package:
    """`package_size` > 0 units for `package_amount` >= 0 in major units; `free_units` >= 0 in each
    period. With `begun` a package counts as soon as it is begun, else when it is full.
    """

    package_size: Decimal
    package_amount: Decimal
    free_units: Decimal
    begun: bool

    def definition(self) -> dict[str, object]:
        rounding: dict[str, object] = {} if self.begun else {"rounding": "down"}
        return {
            "model": "package",
            "package_size": plain(self.package_size),
            "package_amount": plain(self.package_amount),
            "free_units": plain(self.free_units),
            **rounding,
        }


def parse(definition: Mapping[str, object]) -> Package:
    """Read `package_size` and `package_amount`, which are required, `free_units` (0) and
    `rounding` ("up"). Raises PriceError.
    """
    refuse_unknown(definition, FIELDS)
    return Package(
        package_size=read_positive(definition, "package_size"),
        package_amount=read_amount(definition, "package_amount"),
        free_units=read_quantity(definition, "free_units", default="0"),
        begun=read_choice(definition, "rounding", ("up", "down"), default="up") == "up",
    )


def rate(params: Package, /, *, before: Number | None, more: Number) -> Rated:
    """Price `more` units when `before` units of the period are already rated.

    Packages are counted on the whole of the period, so that a part pays for those that the parts
    before it did not begin. A negative quantity rates as zero. Parts sum: rate(None, a) + rate(a,
    b) == rate(None, a + b) for a, b >= 0. Source: docs/pricing.md, "package".
    """
    if more < 0:
        return Rated.of(negative_step(more))
    start, end = reach(before, more)
    free = subtract(min(end, params.free_units), min(start, params.free_units))
    steps = [free_step(free, params.free_units)] if free else []
    low, high = above(start, params.free_units), above(end, params.free_units)
    if high > low or not free:
        count = subtract(
            packages(high, params.package_size, begun=params.begun),
            packages(low, params.package_size, begun=params.begun),
        )
        steps.append(
            Step(
                quantity=count,
                unit_amount=params.package_amount,
                flat_amount=ZERO,
                amount=multiply(count, params.package_amount),
                say=packages_in_words,
                about=(
                    count,
                    subtract(high, low),
                    max(start, params.free_units),
                    params.package_size,
                    params.package_amount,
                ),
            )
        )
    return Rated.of(*steps)


MODEL = quantity_model(name="package", version=1, fields=FIELDS, parse=parse, rate=rate)
