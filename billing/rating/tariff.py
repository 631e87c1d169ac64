"""What a price costs, in lines that an operator can read to a customer. Pure.

From the canonical definition alone; a model without words here shows its fields.
"""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from billing.rating.words import spoken

Definition = Mapping[str, Any]

CELLS_SHOWN = 20
NOT_AMOUNTS = frozenset(
    {"code", "name", "kind", "billing", "prorate", "meter", "filters", "model"}
    | {"interval", "interval_count", "transform", "minimum_amount", "maximum_amount"}
)
ROUNDED = {"up": ", rounded up", "down": ", rounded down", "half_up": ", rounded half up"}


def tariff_lines(definition: Definition, currency: str) -> list[str]:
    """The lines of a price: what is done to the quantity, what the model asks, the limits."""
    words = WORDS.get(definition["model"], _fields)
    return [
        *_transform(definition),
        *words(definition, currency),
        *_limits(definition, currency),
    ]


def _flat(definition: Definition, currency: str) -> Iterator[str]:
    yield f"{_number(definition['amount'])} {currency}"


def _per_unit(definition: Definition, currency: str) -> Iterator[str]:
    yield f"{_number(definition['unit_amount'])} {currency} each{_free(definition)}"


def _package(definition: Definition, currency: str) -> Iterator[str]:
    size, amount = _number(definition["package_size"]), _number(definition["package_amount"])
    how = "full" if definition.get("rounding") == "down" else "begun"
    yield f"{amount} {currency} for every {size} {how}{_free(definition)}"


def _graduated(definition: Definition, currency: str) -> Iterator[str]:
    if _is_some(definition.get("free_units")):
        yield f"the first {_number(definition['free_units'])} free, before the tiers"
    yield from _tiers(definition, currency)


def _volume(definition: Definition, currency: str) -> Iterator[str]:
    yield "all units at the price of one tier:"
    yield from _graduated(definition, currency)


def _tiers(definition: Definition, currency: str) -> Iterator[str]:
    below = None
    for tier in definition["tiers"]:
        up_to = tier["up_to"]
        reach = [f"above {_number(below)}"] if below is not None else []
        reach += [f"up to {_number(up_to)}"] if up_to is not None else []
        flat = f" plus {_number(tier['flat_amount'])}" if _is_some(tier["flat_amount"]) else ""
        each = f"{_tier_price(tier, currency)}{flat}"
        yield f"{' '.join(reach)}: {each}" if reach else each
        below = up_to
    if _is_some(definition["tiers"][0]["flat_amount"]):
        also = "also" if definition["first_flat_at_zero"] else "not"
        yield f"the first flat amount is {also} due where nothing is used"


def _tier_price(tier: Definition, currency: str) -> str:
    if "rate_percent" in tier:
        return f"{_number(tier['rate_percent'])} %"
    if "package_size" in tier:
        size, amount = _number(tier["package_size"]), _number(tier["package_amount"])
        return f"{amount} {currency} for every {size} begun"
    return f"{_number(tier['unit_amount'])} {currency} each"


def _percentage(definition: Definition, currency: str) -> Iterator[str]:
    fee = definition["fixed_fee"]
    plus = f" plus {_number(fee)} {currency}" if _is_some(fee) else ""
    yield f"{_number(definition['rate_percent'])} %{plus} of each event"
    bounds = (("min_per_event", "at least"), ("max_per_event", "at most"))
    each = [f"{said} {_number(definition[name])}" for name, said in bounds if definition.get(name)]
    if each:
        yield f"{' and '.join(each)} {currency} for an event"
    if definition.get("free_events"):
        yield f"the first {definition['free_events']:,} events free"
    if definition.get("free_amount"):
        yield f"the first {_number(definition['free_amount'])} {currency} free"


def _matrix(definition: Definition, currency: str) -> Iterator[str]:
    cells = definition["cells"]
    for cell in cells[:CELLS_SHOWN]:
        where = " and ".join(f"{name} {_any_of(one)}" for name, one in cell["match"].items())
        yield f"{where}: {_number(cell['unit_amount'])} {currency} each"
    if len(cells) > CELLS_SHOWN:
        yield f"and {len(cells) - CELLS_SHOWN:,} more cells"
    yield f"elsewhere: {_number(definition['default_unit_amount'])} {currency} each"


def _any_of(one: object) -> str:
    return " or ".join(str(value) for value in one) if isinstance(one, list) else str(one)


def _dynamic(definition: Definition, currency: str) -> Iterator[str]:
    yield f"the events' own amounts in {currency}, times {_number(definition['multiplier'])}"


def _fields(definition: Definition, _: str) -> Iterator[str]:
    for name, value in definition.items():
        if name not in NOT_AMOUNTS:
            yield f"{name}: {value}"


WORDS: Mapping[str, Callable[[Definition, str], Iterator[str]]] = {
    "flat": _flat,
    "per_unit": _per_unit,
    "package": _package,
    "graduated": _graduated,
    "graduated_percentage": _graduated,
    "volume": _volume,
    "percentage": _percentage,
    "matrix": _matrix,
    "dynamic": _dynamic,
}


def _transform(definition: Definition) -> Iterator[str]:
    transform = definition.get("transform")
    if transform:
        name = "divide_by" if "divide_by" in transform else "multiply_by"
        said = "divided by" if name == "divide_by" else "multiplied by"
        rounded = ROUNDED.get(transform.get("round") or "", "")
        yield f"of the quantity {said} {_number(transform[name])}{rounded}:"


def _limits(definition: Definition, currency: str) -> Iterator[str]:
    for name, said in (("minimum_amount", "at least"), ("maximum_amount", "at most")):
        if definition.get(name) is not None:
            yield f"{said} {_number(definition[name])} {currency} in a period"


def _free(definition: Definition) -> str:
    free = definition["free_units"]
    return f", the first {_number(free)} free" if _is_some(free) else ""


def _is_some(text: str | None) -> bool:
    return text is not None and bool(Decimal(text))


def _number(text: str) -> str:
    return spoken(Decimal(text))
