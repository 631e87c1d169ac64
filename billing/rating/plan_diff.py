"""What changed between two versions of a plan, in words and in old and new values. Pure."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Literal

from billing.rating.definition import token
from billing.rating.words import spoken
from neruba.canonical import canonical_json

Verb = Literal["added", "removed", "changed", "moved"]
Json = Any

PLAN_FIELDS = (
    *("name", "currency", "interval", "interval_count", "minimum_commitment", "trial_days"),
)
# Fields whose values are names and no numbers, whatever they look like.
NAMES = frozenset({"code", "name", "meter", "property", "in", "match", "feature"})

CALLED = {"prorate": "proration", "filters": "filter on events", "trial_days": "trial in days"}


@dataclass(frozen=True, slots=True)
class PlanChange:
    """One difference: of the plan itself, its entitlements with it, or of the price with this code.

    `field` is the JSON pointer of what differs, seen from the plan or from the price, by the order
    of the newer version (of the older one for what was removed); empty where it is the price as a
    whole. `old` and `new` are JSON, None where there is none.
    """

    verb: Verb
    price: str | None
    field: str
    old: Json
    new: Json
    text: str


def plan_changes(old: Mapping[str, Json], new: Mapping[str, Json]) -> tuple[PlanChange, ...]:
    """The differences between two contents of a plan, as `PLAN_FIELDS`, `prices` by definition and
    `entitlements`, which may be left out where there are none.

    Those of the plan come first, then prices that went, came and changed, in order, then
    entitlements likewise. Prices are the same when they have the same code, entitlements when they
    have the same feature. Law: no changes exactly where the contents are equal.
    """
    return (
        *_fields_of_plan(old, new),
        *_prices(old["prices"], new["prices"]),
        *_entitlements(old.get("entitlements", ()), new.get("entitlements", ())),
    )


def _fields_of_plan(old: Mapping[str, Json], new: Mapping[str, Json]) -> Iterator[PlanChange]:
    for name in PLAN_FIELDS:
        before, after = old.get(name), new.get(name)
        if before != after:
            words = _moves(f"The plan's {_words(name)}", name, before, after)
            yield PlanChange(_verb(before, after), None, f"/{name}", before, after, words)


def _prices(old: Sequence[Json], new: Sequence[Json]) -> Iterator[PlanChange]:
    before, after = _by_code(old), _by_code(new)
    for code, price in before.items():
        if code not in after:
            text = f"Price {code!r} is gone: {_described(price)}."
            yield PlanChange("removed", code, "", price, None, text)
    for code, price in after.items():
        if code not in before:
            text = f"Price {code!r} is new: {_described(price)}."
            yield PlanChange("added", code, "", None, price, text)
        else:
            yield from _fields(code, before[code], price)
    kept_before = [code for code in before if code in after]
    kept_after = [code for code in after if code in before]
    if kept_before != kept_after:
        text = f"The prices stand in another order: {', '.join(kept_after)}."
        yield PlanChange("moved", None, "/prices", kept_before, kept_after, text)


def _entitlements(old: Sequence[Json], new: Sequence[Json]) -> Iterator[PlanChange]:
    before = {one["feature"]: (index, one) for index, one in enumerate(old)}
    after = {one["feature"]: (index, one) for index, one in enumerate(new)}
    for feature, (index, one) in before.items():
        if feature not in after:
            text = f"Entitlement {feature!r} is gone: {_granted(one)}."
            yield PlanChange("removed", None, f"/entitlements/{index}", one, None, text)
    for feature, (index, one) in after.items():
        place = f"/entitlements/{index}"
        if feature not in before:
            text = f"Entitlement {feature!r} is new: {_granted(one)}."
            yield PlanChange("added", None, place, None, one, text)
            continue
        was = before[feature][1]
        for name in [*one, *(name for name in was if name not in one)]:
            left, right = was.get(name), one.get(name)
            if left != right:
                text = _moves(f"Entitlement {feature!r}: the {_words(name)}", name, left, right)
                yield PlanChange(_verb(left, right), None, f"{place}/{name}", left, right, text)
    kept_before = [feature for feature in before if feature in after]
    kept_after = [feature for feature in after if feature in before]
    if kept_before != kept_after:
        text = f"The entitlements stand in another order: {', '.join(kept_after)}."
        yield PlanChange("moved", None, "/entitlements", kept_before, kept_after, text)


def _granted(one: Mapping[str, Json]) -> str:
    if one["type"] == "boolean":
        return "granted"
    counted = f" of meter {one['meter']!r}" if one.get("meter") else ""
    return f"{_value('limit', one['limit'])}{counted} each period"


def _by_code(prices: Sequence[Json]) -> dict[str, Json]:
    return {price["code"]: price for price in prices}


def _described(price: Mapping[str, Json]) -> str:
    of = f" of meter {price['meter']!r}" if price.get("meter") else ""
    return f"{price['kind'].replace('_', ' ')}{of}, {price['model'].replace('_', ' ')}"


def _fields(code: str, old: Mapping[str, Json], new: Mapping[str, Json]) -> Iterator[PlanChange]:
    """Each field of a price that differs; rows of tiers and cells one by one."""
    for name in [*new, *(name for name in old if name not in new)]:
        before, after = old.get(name), new.get(name)
        if before == after:
            continue
        place = f"Price {code!r}"
        if name in ROWS and before is not None and after is not None:
            yield from _rows(code, name, before, after)
        else:
            text = _moves(f"{place}: the {_words(name)}", name, before, after)
            yield PlanChange(_verb(before, after), code, f"/{name}", before, after, text)


def _tier_called(tiers: Sequence[Json], index: int) -> str:
    reach = [f"above {_value('up_to', tiers[index - 1]['up_to'])}"] if index else []
    if tiers[index]["up_to"] is not None:
        reach.append(f"up to {_value('up_to', tiers[index]['up_to'])}")
    return f"tier {index + 1} ({' '.join(reach) or 'all units'})"


def _cell_called(cells: Sequence[Json], index: int) -> str:
    match = cells[index]["match"]
    return f"cell {', '.join(f'{name} {canonical_json(match[name])}' for name in sorted(match))}"


ROWS: Mapping[str, Callable[[Sequence[Json], int], str]] = {
    "tiers": _tier_called,
    "cells": _cell_called,
}


def _places(name: str, rows: Sequence[Json], *, by_place: bool) -> dict[str, int]:
    """The place of each row by what makes it the same row as one of the other version."""
    if name == "cells":
        return {canonical_json(cell["match"]): i for i, cell in enumerate(rows)}
    return {str(i if by_place else tier["up_to"]): i for i, tier in enumerate(rows)}


def _rows(code: str, name: str, old: Sequence[Json], new: Sequence[Json]) -> Iterator[PlanChange]:
    called = ROWS[name]
    # As many tiers as before are the same ones by place, so that a bound can move; else by bound.
    by_place = len(old) == len(new)
    before = _places(name, old, by_place=by_place)
    after = _places(name, new, by_place=by_place)
    place = f"Price {code!r}"
    for key, i in before.items():
        if key not in after:
            text = f"{place}: {called(old, i)} is gone: {_row(old[i])}."
            yield PlanChange("removed", code, f"/{name}/{i}", old[i], None, text)
    for key, i in after.items():
        if key not in before:
            text = f"{place}: {called(new, i)} is new: {_row(new[i])}."
            yield PlanChange("added", code, f"/{name}/{i}", None, new[i], text)
            continue
        was = old[before[key]]
        for field in [*new[i], *(one for one in was if one not in new[i])]:
            left, right = was.get(field), new[i].get(field)
            if left != right:
                what = f"{place}, {called(new, i)}: the {_words(field)}"
                pointer = f"/{name}/{i}/{token(field)}"
                text = _moves(what, field, left, right)
                yield PlanChange(_verb(left, right), code, pointer, left, right, text)
    kept = [key for key in before if key in after]
    if kept != [key for key in after if key in before]:
        text = f"{place}: the {_words(name)} stand in another order."
        yield PlanChange("moved", code, f"/{name}", old, new, text)


def _row(row: Mapping[str, Json]) -> str:
    fields = (name for name in row if name not in ("up_to", "match"))
    return ", ".join(f"{_words(name)} {_value(name, row[name])}" for name in fields)


def _verb(old: Json, new: Json) -> Verb:
    if old is None:
        return "added"
    return "removed" if new is None else "changed"


def _moves(what: str, name: str, old: Json, new: Json) -> str:
    """What happened to a value, as a sentence."""
    if old is None:
        return f"{what} is now {_value(name, new)}."
    if new is None:
        return f"{what} is no longer set; it was {_value(name, old)}."
    before, after = _number(name, old), _number(name, new)
    verb = "changes"
    if before is not None and after is not None:
        verb = "rises" if after > before else "falls"
    return f"{what} {verb} from {_value(name, old)} to {_value(name, new)}."


def _words(name: str) -> str:
    return CALLED.get(name, name.replace("_", " "))


def _value(name: str, value: Json) -> str:
    number = _number(name, value)
    if number is not None:
        return spoken(number)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if name == "filters":
        return "; ".join(
            f"{one['property']} {', '.join(canonical_json(value) for value in one['in'])}"
            for one in value
        )
    if isinstance(value, str):
        return repr(value) if name in NAMES else _words(value)
    return canonical_json(value)


def _number(name: str, value: Json) -> Decimal | None:
    if name in NAMES or isinstance(value, bool) or not isinstance(value, str | int):
        return None
    try:
        return Decimal(value)
    except InvalidOperation:
        return None
