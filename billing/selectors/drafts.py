"""Reading the prices of a plan's next version before it is made: every price that makes no sense,
each with a pointer to its field.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from billing.rating.plan import PlanPrice, parse_plan_price
from billing.rating.price import PriceError
from ingest.models import Meter
from neruba.errors import InvalidError, UnsupportedError
from neruba.models import Project


@dataclass(frozen=True, slots=True)
class DraftedPrices:
    """The prices in their order, None where one cannot be read; the first fault of each that
    has one, in their order; and the meters by code.
    """

    prices: tuple[PlanPrice | None, ...]
    faults: tuple[InvalidError, ...]
    meters: Mapping[str, Meter]

    @property
    def sound(self) -> tuple[PlanPrice, ...]:
        """The prices, where none has a fault. Raises the first fault."""
        if self.faults:
            raise self.faults[0]
        return tuple(price for price in self.prices if price is not None)


def drafted_prices(
    project: Project, definitions: Sequence[Mapping[str, Any]], *, below: str = ""
) -> DraftedPrices:
    """Read definitions of prices as they came. Pointers begin with `below`, then `/prices/0`."""
    prices: list[PlanPrice | None] = []
    faults: dict[int, InvalidError] = {}
    for index, definition in enumerate(definitions):
        place, price = f"{below}/prices/{index}", None
        try:
            price = parse_plan_price(definition)
        except PriceError as error:
            refusal = UnsupportedError if error.code == "unsupported" else InvalidError
            faults[index] = refusal(error.detail, pointer=f"{place}{error.pointer}")
        if price is not None and any(other and other.code == price.code for other in prices):
            faults[index] = InvalidError(
                f"There are two prices {price.code!r}.", pointer=f"{place}/code"
            )
        prices.append(price)
    meters = _meters_of(project, prices)
    for index, price in enumerate(prices):
        if price is not None and price.meter is not None and price.meter not in meters:
            missing = InvalidError(
                f"There is no meter {price.meter!r}.", pointer=f"{below}/prices/{index}/meter"
            )
            faults.setdefault(index, missing)
    ordered = tuple(faults[index] for index in sorted(faults))
    return DraftedPrices(tuple(prices), ordered, meters)


def _meters_of(project: Project, prices: Sequence[PlanPrice | None]) -> dict[str, Meter]:
    codes = {price.meter for price in prices if price is not None and price.meter is not None}
    return {meter.code: meter for meter in Meter.objects.filter(project=project, code__in=codes)}
