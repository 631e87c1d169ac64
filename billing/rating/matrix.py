"""A price by the properties of events: by region, by model, by both.

Law: amount = the sum over the cells of the quantity that falls in each x its `unit_amount`. What
matches no cell has the default price; of two cells that match, the narrower one takes it: the one
with more keys, then with fewer values, then the first listed. With 5 for aws and gcp, 3 for aws and
10 for all others, 10 units of aws and 7 of gcp cost 10 x 3 + 7 x 5 = 65.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any

from billing.rating.definition import read_amount, refuse_unknown, token
from billing.rating.numbers import Number, add, multiply, number_text, subtract
from billing.rating.price import Measured, PriceError, PriceModel, Rated, Scalar, Step
from billing.rating.quantity import reach
from billing.rating.transform import Transform, convert_quantity
from billing.rating.words import negative_words, spoken
from neruba.canonical import MAX_INTEGER
from neruba.decimals import ZERO, plain

FIELDS = frozenset({"cells", "default_unit_amount"})
CELL_FIELDS = frozenset({"match", "unit_amount"})
MAX_CELLS = 1000
MAX_NAME = 255

Match = Mapping[str, Scalar | tuple[Scalar, ...]]
# The quantity by the index of its cell; None is what matched none.
Cells = Mapping[int | None, Number]


@dataclass(frozen=True, slots=True)
class Cell:
    """The events whose properties have all these values; a tuple means any of its values, None that
    an event does not have the property.
    """

    match: Match
    unit_amount: Decimal

    def words(self) -> str:
        """Say what it matches: "with cloud aws or gcp and region eu"."""
        each = (f"{key} {' or '.join(map(_said, _values(one)))}" for key, one in self.match.items())
        return f"with {' and '.join(each)}"

    def definition(self) -> dict[str, object]:
        return {
            "match": {
                key: list(one) if isinstance(one, tuple) else one for key, one in self.match.items()
            },
            "unit_amount": plain(self.unit_amount),
        }


@dataclass(frozen=True)
class Matrix:
    """Cells, and the price of one unit of what matches none, >= 0 in major units."""

    cells: tuple[Cell, ...]
    default_unit_amount: Decimal

    def definition(self) -> dict[str, object]:
        return {
            "model": "matrix",
            "cells": [cell.definition() for cell in self.cells],
            "default_unit_amount": plain(self.default_unit_amount),
        }

    @cached_property
    def properties(self) -> tuple[str, ...]:
        """The properties that cells ask for, in the order of the alphabet."""
        return tuple(sorted({key for cell in self.cells for key in cell.match}))

    def cell_of(self, by: Mapping[str, Scalar]) -> int | None:
        """The index of the narrowest cell that matches; None: the default price."""
        found = {(key, _typed(by.get(key))) for key in self.properties}
        for index, wanted in self._narrowest_first:
            if all(not choices.isdisjoint(found) for choices in wanted):
                return index
        return None

    @cached_property
    def _narrowest_first(self) -> tuple[tuple[int, tuple[frozenset[object], ...]], ...]:
        order = sorted(range(len(self.cells)), key=lambda index: _width(self.cells[index].match))
        return tuple((index, _wanted(self.cells[index].match)) for index in order)


def parse(definition: Mapping[str, object]) -> Matrix:
    """Read `cells`, which are required, each with `match` and `unit_amount`, and
    `default_unit_amount` (0).

    Raises PriceError, also for two cells that match the same: the second would never be asked.
    """
    refuse_unknown(definition, FIELDS)
    rows = definition.get("cells")
    if rows is None:
        raise PriceError("/cells", "required", "cells are missing")
    if not isinstance(rows, list | tuple) or not 0 < len(rows) <= MAX_CELLS:
        raise PriceError("/cells", "not_cells", f"write a list of 1 to {MAX_CELLS} cells")
    cells = tuple(_parse_cell(row, f"/cells/{index}") for index, row in enumerate(rows))
    seen: set[object] = set()
    for index, cell in enumerate(cells):
        wanted = frozenset(_wanted(cell.match))
        if wanted in seen:
            raise PriceError(
                f"/cells/{index}/match", "duplicate", "an earlier cell matches the same"
            )
        seen.add(wanted)
    return Matrix(cells, read_amount(definition, "default_unit_amount", default="0"))


def use(params: Matrix, measured: Measured, _: Cells | None) -> Cells:
    """Sort the groups into cells; a quantity without groups has the default price."""
    if not measured.groups:
        return {None: measured.quantity} if measured.quantity else {}
    cells: dict[int | None, Number] = {}
    for group in measured.groups:
        index = params.cell_of(group.by)
        cells[index] = add(cells.get(index, ZERO), group.quantity)
    return _in_order(cells)


def join(first: Cells, second: Cells) -> Cells:
    """Add two uses, cell by cell."""
    indices = {*first, *second}
    return _in_order(
        {index: add(first.get(index, ZERO), second.get(index, ZERO)) for index in indices}
    )


def evidence(_: Matrix, cells: Cells) -> dict[str, Any]:
    """The quantity of each cell that was used, by its index in the price; null is the default."""
    return {
        "cells": [
            {"cell": index, "quantity": number_text(quantity)} for index, quantity in cells.items()
        ]
    }


def read(_: Matrix, usage: Mapping[str, Any]) -> Cells:
    """Read what `evidence` wrote."""
    return {row["cell"]: Decimal(row["quantity"]) for row in usage["cells"]}


def convert(transform: Transform, before: Cells | None, more: Cells) -> tuple[Cells | None, Cells]:
    """Transform the totals of each cell on their own."""
    parts = {
        index: convert_quantity(transform, (before or {}).get(index, ZERO), quantity)[1]
        for index, quantity in more.items()
    }
    if before is None:
        return None, parts
    return {index: transform.of(quantity) for index, quantity in before.items()}, parts


def rate(params: Matrix, /, *, before: Cells | None, more: Cells) -> Rated:
    """Price the quantities of cells, each on its own; a negative one rates as zero.

    Returns a step for each cell, in the order of the price, the default last. Parts sum: rate(None,
    a) + rate(a, b) == rate(None, a and b joined) for cells >= 0. Source: docs/pricing.md, "matrix".
    """
    steps = []
    for index, quantity in (more or {None: ZERO}).items():
        start, end = reach((before or {}).get(index, ZERO), quantity)
        units = subtract(end, start)
        cell = None if index is None else params.cells[index]
        amount = params.default_unit_amount if cell is None else cell.unit_amount
        steps.append(
            Step(
                quantity=units,
                unit_amount=amount,
                flat_amount=ZERO,
                amount=multiply(units, amount),
                say=_say,
                about=(quantity, units, amount, cell),
            )
        )
    return Rated.of(*steps)


def _say(quantity: Number, units: Number, amount: Decimal, cell: Cell | None) -> str:
    which = "without a price of their own" if cell is None else cell.words()
    text = f"{spoken(units)} {which} at {spoken(amount)} each"
    return f"{text}: {negative_words(quantity)}" if quantity < 0 else text


def _parse_cell(row: object, pointer: str) -> Cell:
    if not isinstance(row, Mapping):
        raise PriceError(pointer, "not_a_cell", "write a cell as an object")
    refuse_unknown(row, CELL_FIELDS, pointer)
    match = row.get("match")
    place = f"{pointer}/match"
    if match is None:
        raise PriceError(place, "required", "match is missing")
    if not isinstance(match, Mapping) or not match:
        raise PriceError(place, "not_a_match", "write an object of at least one property")
    for name in match:
        if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME or name != name.strip():
            detail = f"a property is text of 1 to {MAX_NAME} characters"
            raise PriceError(f"{place}/{token(str(name))}", "invalid", detail)
    return Cell(
        match={key: _parse_values(one, f"{place}/{token(key)}") for key, one in match.items()},
        unit_amount=read_amount(row, "unit_amount", pointer=pointer),
    )


def _parse_values(given: object, pointer: str) -> Scalar | tuple[Scalar, ...]:
    if not isinstance(given, list | tuple):
        return _scalar(given, pointer)
    if not given:
        raise PriceError(pointer, "empty", "write at least one value")
    values = tuple(_scalar(value, f"{pointer}/{index}") for index, value in enumerate(given))
    if len({_typed(value) for value in values}) < len(values):
        raise PriceError(pointer, "duplicate", "a value stands there twice")
    return values


def _scalar(value: object, pointer: str) -> Scalar:
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int) and abs(value) <= MAX_INTEGER:
        return value
    raise PriceError(pointer, "not_a_scalar", "write text, a whole number, true, false or null")


def _values(one: Scalar | tuple[Scalar, ...]) -> Sequence[Scalar]:
    return one if isinstance(one, tuple) else (one,)


def _typed(value: Scalar) -> object:
    """1 and 1.0 are one number; 1, true and "1" are three values, as in the content of events."""
    return (isinstance(value, bool), isinstance(value, str), value)


def _wanted(match: Match) -> tuple[frozenset[object], ...]:
    """For each key the pairs of which one has to be there."""
    return tuple(
        frozenset((key, _typed(value)) for value in _values(one)) for key, one in match.items()
    )


def _width(match: Match) -> tuple[int, int]:
    """What makes a cell wide: fewer keys, then more values."""
    return -len(match), sum(len(_values(one)) for one in match.values())


def _said(value: Scalar) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "none" if value is None else str(value)


def _in_order(cells: Mapping[int | None, Number]) -> Cells:
    last = max((index for index in cells if index is not None), default=0) + 1
    order = sorted(cells, key=lambda index: last if index is None else index)
    return {index: cells[index] for index in order}


MODEL = PriceModel(
    name="matrix",
    version=1,
    fields=FIELDS,
    parse=parse,
    use=use,
    evidence=evidence,
    read=read,
    join=join,
    convert=convert,
    rate=rate,
    properties=lambda params: params.properties,
    reads="groups",
)
