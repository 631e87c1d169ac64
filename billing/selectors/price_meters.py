"""Whether the meters that prices name give what their models read."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from billing.rating.definition import token
from billing.rating.plan import PlanPrice
from ingest.models import Meter
from neruba.errors import InvalidError
from neruba.models import Project

# What adds up the money of single events reads it from events whose values add up.
OF_SUMS = ("percentage", "dynamic")
# What takes a share of a quantity needs one that can be money, and not a number of things.
OF_VALUES = ("graduated_percentage",)
NUMBERS_OF_THINGS = ("count", "unique_count")


@dataclass(frozen=True, slots=True)
class Placed:
    """A price, its JSON pointer in the request, and how it was written there."""

    price: PlanPrice
    pointer: str
    definition: Mapping[str, Any]


def meters_of_prices(project: Project, placed: Sequence[Placed]) -> dict[str, Meter]:
    """The meters of these prices, by code.

    Raises InvalidError, with a pointer, for a meter that does not exist, one whose quantity is not
    what the model takes a share of, and one that does not keep the groups that a matrix tells
    apart.
    """
    meters = named_meters(project, [one.price for one in placed])
    for one in placed:
        fault = meter_fault(one, meters)
        if fault is not None:
            raise fault
    return meters


def named_meters(project: Project, prices: Iterable[PlanPrice]) -> dict[str, Meter]:
    """Those of the meters that the prices name which exist, by code."""
    codes = {price.meter for price in prices if price.meter is not None}
    return {meter.code: meter for meter in Meter.objects.filter(project=project, code__in=codes)}


def meter_fault(one: Placed, meters: Mapping[str, Meter]) -> InvalidError | None:
    """What is wrong with the price's meter, the first thing where there are several."""
    code = one.price.meter
    if code is None:
        return None
    if code not in meters:
        return InvalidError(f"There is no meter {code!r}.", pointer=f"{one.pointer}/meter")
    for pointer, detail in _unsuited(one, meters[code]):
        return InvalidError(detail, pointer=f"{one.pointer}{pointer}")
    return None


def _unsuited(one: Placed, meter: Meter) -> Iterator[tuple[str, str]]:
    """What the meter lacks, as (pointer from the price, reason)."""
    model, kind = one.price.price.model.name, meter.aggregation
    if model in OF_SUMS and kind != "sum":
        reads = f"A {model} price reads the money in each event, which a sum adds up"
        yield "/meter", f"{reads}; meter {meter.code!r} is a {kind}."
    if model in OF_VALUES and kind in NUMBERS_OF_THINGS:
        reads = f"A {model} price takes a share of an amount of money"
        yield "/meter", f"{reads}; meter {meter.code!r} counts things ({kind})."
    if model == "matrix":
        by = f"it groups by {', '.join(meter.group_by) or 'nothing'}"
        for index, cell in enumerate(_cells(one)):
            for name in cell["match"]:
                if name not in meter.group_by:
                    pointer = f"/cells/{index}/match/{token(name)}"
                    yield pointer, f"Meter {meter.code!r} keeps no totals by {name!r}: {by}."


def _cells(one: Placed) -> Sequence[Mapping[str, Any]]:
    """The cells in the order in which they were written, which their pointers count."""
    written = one.definition.get("cells")
    definition: Mapping[str, Any] = one.price.definition()
    cells: Sequence[Mapping[str, Any]] = definition["cells"] if written is None else written
    return cells
