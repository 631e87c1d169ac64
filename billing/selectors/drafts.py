"""Reading the prices of a plan's next version before it is made: every price that makes no sense,
each with a pointer to its field.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from billing.rating.entitlements import Entitlement, parse_entitlements
from billing.rating.plan import PlanPrice, parse_plan_price
from billing.rating.price import PriceError
from billing.rating.rhythm import Rhythm, UnnestedError, from_finest
from billing.selectors.price_meters import Placed, meter_fault, named_meters
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


def refusal_of(error: PriceError, pointer: str = "") -> InvalidError:
    """The refusal of a definition that stands at this pointer in the request."""
    refusal = UnsupportedError if error.code == "unsupported" else InvalidError
    return refusal(error.detail, pointer=f"{pointer}{error.pointer}")


def drafted_prices(
    project: Project,
    definitions: Sequence[Mapping[str, Any]],
    *,
    rhythm: Rhythm | None = None,
    below: str = "",
) -> DraftedPrices:
    """Read definitions of prices as they came, of a plan of that rhythm where it is known. Pointers
    begin with `below`, then `/prices/0`.
    """
    prices: list[PlanPrice | None] = []
    faults: dict[int, InvalidError] = {}
    for index, definition in enumerate(definitions):
        place, price = f"{below}/prices/{index}", None
        try:
            price = parse_plan_price(definition)
        except PriceError as error:
            faults[index] = refusal_of(error, place)
        if price is not None and any(other and other.code == price.code for other in prices):
            faults[index] = InvalidError(
                f"There are two prices {price.code!r}.", pointer=f"{place}/code"
            )
        prices.append(price)
    meters = named_meters(project, [price for price in prices if price is not None])
    for index, (price, definition) in enumerate(zip(prices, definitions, strict=True)):
        if price is not None and index not in faults:
            fault = meter_fault(Placed(price, f"{below}/prices/{index}", definition), meters)
            if fault is not None:
                faults[index] = fault
    unnested = None if rhythm is None else _unnested(rhythm, prices, below)
    if unnested is not None:
        faults.setdefault(*unnested)
    ordered = tuple(faults[index] for index in sorted(faults))
    return DraftedPrices(tuple(prices), ordered, meters)


def drafted_entitlements(
    project: Project, definitions: Sequence[Mapping[str, Any]], *, below: str = ""
) -> tuple[Entitlement, ...]:
    """Read entitlements of a plan as they came; a limit without a meter whose feature is the code
    of one counts that one.

    Raises InvalidError, with a pointer that begins with `below`, for what `parse_entitlements`
    refuses and for a meter that does not exist.
    """
    try:
        parsed = parse_entitlements(definitions, below=below)
    except PriceError as error:
        raise refusal_of(error) from error
    named = {one.meter or one.feature for one in parsed if one.type == "limit"}
    rows = Meter.objects.filter(project=project, code__in=named) if named else Meter.objects.none()
    codes = set(rows.values_list("code", flat=True))
    for index, one in enumerate(parsed):
        if one.meter is not None and one.meter not in codes:
            raise InvalidError(
                f"There is no meter {one.meter!r}.", pointer=f"{below}/entitlements/{index}/meter"
            )
    return tuple(
        replace(one, meter=one.feature)
        if one.type == "limit" and one.meter is None and one.feature in codes
        else one
        for one in parsed
    )


def _unnested(
    plan_rhythm: Rhythm, prices: Sequence[PlanPrice | None], below: str
) -> tuple[int, InvalidError] | None:
    """The first price whose rhythm nests with the plan's and the others' under no anchor."""
    rhythms = [plan_rhythm]
    for index, price in enumerate(prices):
        if price is None or price.rhythm is None:
            continue
        rhythms.append(price.rhythm)
        try:
            # Whatever nests on the calendar nests from an anniversary too.
            from_finest(rhythms, "anniversary")
        except UnnestedError as error:
            return index, InvalidError(
                f"A period of every {error.rhythm} does not end where one of {error.other} does: "
                "rhythms of one plan nest, such as a month, 3 months and a year.",
                pointer=f"{below}/prices/{index}/interval",
            )
    return None
