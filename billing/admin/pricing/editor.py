"""What the form shows of a definition: inputs for the plan and for the price that is being written,
the other prices as rows.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from billing.admin.pricing.fields import (
    ASKED,
    COMMON_FIELDS,
    EXTRA_FIELDS,
    EXTRAS,
    MODEL_FIELDS,
    PLAN_FIELDS,
    ROWS,
    TRANSFORM_FIELDS,
    Choices,
    Field,
    field_named,
    model_fields,
    takes_extra,
    tier_columns,
)
from billing.admin.pricing.tree import pointer_of
from billing.admin.tariff import KINDS, tariff
from billing.rating.models import MODELS
from billing.rating.plan import PlanPrice

ADD = {"tiers": "Add a tier", "cells": "Add a cell", "filters": "Add a filter"}
NOT_SHOWN = {"prices", "entitlements"}


@dataclass(frozen=True, slots=True)
class Input:
    """A field at its place, with the text in it and what is wrong with that."""

    pointer: str
    field: Field
    text: str
    choices: Choices = ()
    fault: str = ""

    @property
    def id(self) -> str:
        return "f" + self.pointer.replace("/", "-")


@dataclass(frozen=True, slots=True)
class Rows:
    """A list inside a price: a row for each member, a column for each of its fields."""

    pointer: str
    title: str
    add: str
    columns: Sequence[Field]
    rows: Sequence[tuple[str, Sequence[Input]]]
    fault: str = ""


@dataclass(frozen=True, slots=True)
class PriceEditor:
    """The price that is being written."""

    index: int
    pointer: str
    title: str
    model: str
    inputs: Sequence[Input]
    more: Sequence[Input]
    tables: Sequence[Rows]
    fault: str = ""

    @property
    def is_more_open(self) -> bool:
        """Whether the fields that most prices do without have something to show."""
        return any(one.text or one.fault for one in self.more)


@dataclass(frozen=True, slots=True)
class ListedPrice:
    """A price among the others; `carried` is its definition as JSON, kept in the form."""

    index: int
    pointer: str
    title: str
    words: str
    costs: Sequence[str]
    carried: str
    is_open: bool
    fault: str = ""


@dataclass(frozen=True, slots=True)
class Editor:
    """The whole form, without what it comes to. `entitlements` are in words; `carried` is their
    JSON, kept in the form, empty without any.
    """

    plan: Sequence[Input]
    prices: Sequence[ListedPrice]
    price: PriceEditor | None
    entitlements: Sequence[str] = ()
    carried: str = ""
    fault: str = ""
    places: set[str] = field(default_factory=set)


def editor_of(
    definition: Mapping[str, Any],
    *,
    index: int,
    parsed: Sequence[PlanPrice | None],
    meters: Choices,
) -> Editor:
    """The form of a definition with the price of that index open, still without its faults."""
    prices = [one for one in _list(definition.get("prices")) if isinstance(one, dict)]
    known = {one.name for one in PLAN_FIELDS} | NOT_SHOWN
    extra = [field_named(name) for name in definition if name not in known]
    plan = [_input("", one, definition) for one in (*PLAN_FIELDS, *extra)]
    currency = str(definition.get("currency") or "")
    listed = [
        _listed(position, price, _at(parsed, position), currency, is_open=position == index)
        for position, price in enumerate(prices)
    ]
    price = _price(index, prices[index], meters) if index < len(prices) else None
    granted = definition.get("entitlements")
    editor = Editor(
        plan,
        listed,
        price,
        entitlements=[_granted(one) for one in _list(granted) if isinstance(one, dict)],
        carried=json.dumps(granted) if granted else "",
    )
    return replace(editor, places=set(_places(editor)))


def _granted(one: Mapping[str, Any]) -> str:
    """An entitlement in words, whatever was written."""
    limit, meter = one.get("limit"), one.get("meter")
    words = f"{one.get('feature')}" if limit is None else f"{one.get('feature')}: up to {limit}"
    return words if meter is None else f"{words}, by meter {meter}"


def with_faults(editor: Editor, faults: Mapping[str, str]) -> Editor:
    """The form with what is wrong at its places."""
    price = editor.price
    if price is not None:
        price = replace(
            price,
            fault=faults.get(price.pointer, ""),
            inputs=[_faulty(one, faults) for one in price.inputs],
            more=[_faulty(one, faults) for one in price.more],
            tables=[
                replace(
                    table,
                    fault=faults.get(table.pointer, ""),
                    rows=[
                        (pointer, [_faulty(one, faults) for one in cells])
                        for pointer, cells in table.rows
                    ],
                )
                for table in price.tables
            ],
        )
    return replace(
        editor,
        plan=[_faulty(one, faults) for one in editor.plan],
        prices=[replace(one, fault=faults.get(one.pointer, "")) for one in editor.prices],
        price=price,
        fault=faults.get("", ""),
    )


def _faulty(one: Input, faults: Mapping[str, str]) -> Input:
    return replace(one, fault=faults[one.pointer]) if one.pointer in faults else one


def _places(editor: Editor) -> Iterable[str]:
    yield from (one.pointer for one in editor.plan)
    yield from (one.pointer for one in editor.prices)
    if editor.price is not None:
        yield from (one.pointer for one in (*editor.price.inputs, *editor.price.more))
        for table in editor.price.tables:
            yield table.pointer
            yield from (one.pointer for _, cells in table.rows for one in cells)


def _input(above: str, of: Field, holder: Mapping[str, Any], choices: Choices = ()) -> Input:
    value = holder.get(of.name)
    return Input(above + pointer_of(of.name), of, of.text(value), choices or of.choices)


def _price(index: int, price: Mapping[str, Any], meters: Choices) -> PriceEditor:
    place = pointer_of("prices", index)
    model = str(price.get("model") or "")
    own = model_fields(model)
    models = tuple((name, name.replace("_", " ")) for name in MODELS)
    chosen = {"model": models, "meter": (("", "no meter"), *meters)}
    kind = price.get("kind")
    inputs = [
        _input(place, one, price, _with_own(price.get(one.name), chosen.get(one.name, ())))
        for one in COMMON_FIELDS
    ]
    inputs += [_input(place, one, price) for one in MODEL_FIELDS if one.name in own]
    extras = {
        name for name in EXTRAS if name in price or (kind in ASKED and takes_extra(str(kind), name))
    }
    more = [
        _input(place, one, price)
        for one in EXTRA_FIELDS
        if one.name.removesuffix("_count") in extras
    ]
    if "transform" in extras and isinstance(price.get("transform"), dict | None):
        inside = _dict(price.get("transform"))
        more += [_input(f"{place}/transform", one, inside) for one in TRANSFORM_FIELDS]
    tables = [
        _rows(place, name, price, model)
        for name in ROWS
        if (name in own or (name == "filters" and name in extras)) and _is_rows(price.get(name))
    ]
    shown = {name for one in (*inputs, *more) for name in one.pointer[len(place) :].split("/")}
    shown |= {table.pointer.rpartition("/")[2] for table in tables}
    # A further model's fields, and whatever else stands there: nothing is lost unseen.
    rest = [name for name in [*sorted(own), *price] if name not in shown]
    inputs += [_input(place, field_named(name), price) for name in dict.fromkeys(rest)]
    title = str(price.get("name") or price.get("code") or "A new price")
    return PriceEditor(index, place, title, model, inputs, more, tables)


def _with_own(value: Any, choices: Choices) -> Choices:
    """The choices, with what stands there where it is none of them."""
    if choices and value and value not in dict(choices):
        return (*choices, (str(value), f"{value} (unknown)"))
    return choices


def _rows(place: str, name: str, price: Mapping[str, Any], model: str) -> Rows:
    title, columns = ROWS[name]
    rows = [one for one in _list(price.get(name)) if isinstance(one, dict)]
    columns = tier_columns(model) if name == "tiers" else columns
    others = {key for row in rows for key in row} - {one.name for one in columns}
    columns = (*columns, *(field_named(key) for key in sorted(others)))
    pointer = place + pointer_of(name)
    return Rows(
        pointer,
        title,
        ADD[name],
        columns,
        [
            (at, [_input(at, column, row) for column in columns])
            for position, row in enumerate(rows)
            for at in [pointer + pointer_of(position)]
        ],
    )


def _listed(
    index: int, price: Mapping[str, Any], parsed: PlanPrice | None, currency: str, *, is_open: bool
) -> ListedPrice:
    kind = str(price.get("kind") or "")
    meter = f" of {price['meter']}" if price.get("meter") else ""
    return ListedPrice(
        index,
        pointer_of("prices", index),
        str(price.get("name") or price.get("code") or "A new price"),
        f"{KINDS.get(kind, kind)}{meter}, {str(price.get('model') or '–').replace('_', ' ')}",
        [] if parsed is None else tariff(parsed.definition(), currency),
        json.dumps(price, ensure_ascii=False),
        is_open,
    )


def _at(parsed: Sequence[PlanPrice | None], index: int) -> PlanPrice | None:
    return parsed[index] if index < len(parsed) else None


def _is_rows(value: Any) -> bool:
    return value is None or (isinstance(value, list) and all(isinstance(x, dict) for x in value))


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
