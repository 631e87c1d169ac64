"""Lists with cursors, and `expand`."""

import copy
from collections.abc import Callable, Iterable
from typing import Any

from bin.lib.fake_stripe import forms
from bin.lib.fake_stripe.errors import invalid, no_such
from bin.lib.fake_stripe.world import Obj, World

MAX_LIMIT = 100
MAX_LEVELS = 4
PAGE: forms.Spec = {
    "limit": forms.whole,
    "starting_after": forms.text,
    "ending_before": forms.text,
    "created": forms.instants,
}


def page(rows: Iterable[Obj], given: Obj, url: str) -> Obj:
    """One page of rows that come newest first."""
    limit = given.get("limit", 10)
    if not 1 <= limit <= MAX_LIMIT:
        raise invalid(f"Invalid limit: between 1 and {MAX_LIMIT}.", param="limit")
    if "starting_after" in given and "ending_before" in given:
        raise invalid("Only one of starting_after and ending_before.", param="ending_before")
    found = [row for row in rows if within(row.get("created", 0), given.get("created", {}))]
    ids = [row["id"] for row in found]
    if "ending_before" in given:
        end = _place(ids, given["ending_before"], "ending_before")
        start = max(0, end - limit)
        return _list(found[start:end], url, has_more=start > 0)
    start = 0
    if "starting_after" in given:
        start = _place(ids, given["starting_after"], "starting_after") + 1
    return _list(found[start : start + limit], url, has_more=start + limit < len(found))


def _place(ids: list[str], key: str, param: str) -> int:
    if key not in ids:
        raise no_such("object", key, param=param, status=400)
    return ids.index(key)


def _list(rows: list[Obj], url: str, *, has_more: bool) -> Obj:
    return {"object": "list", "data": rows, "has_more": has_more, "url": url}


def within(created: int, bounds: dict[str, int]) -> bool:
    tests: dict[str, Callable[[int], bool]] = {
        "gt": lambda bound: created > bound,
        "gte": lambda bound: created >= bound,
        "lt": lambda bound: created < bound,
        "lte": lambda bound: created <= bound,
    }
    return all(tests[name](bound) for name, bound in bounds.items())


def expanded(world: World, answer: Obj, paths: list[str]) -> Obj:
    """A copy of the answer in which the ids on the paths are the objects that they name."""
    whole = copy.deepcopy(answer)
    for path in paths:
        if path.count(".") >= MAX_LEVELS:
            raise invalid("You cannot expand more than 4 levels.", param="expand")
        _expand(world, whole, path.split("."), path)
    return whole


def _expand(world: World, node: Any, parts: list[str], path: str) -> None:
    if isinstance(node, list):
        for one in node:
            _expand(world, one, parts, path)
        return
    if node is None:
        return
    name = parts[0]
    if not isinstance(node, dict) or name not in node:
        raise invalid(f"This property cannot be expanded ({path}).", param="expand")
    value = node[name]
    if isinstance(value, str):
        if value not in world.objects:
            raise invalid(f"This property cannot be expanded ({path}).", param="expand")
        node[name] = copy.deepcopy(world.objects[value])
    if len(parts) > 1:
        _expand(world, node[name], parts[1:], path)
    elif value is not None and not isinstance(value, str | dict | list):
        raise invalid(f"This property cannot be expanded ({path}).", param="expand")


def where(rows: Iterable[Obj], given: Obj, *names: str) -> list[Obj]:
    """The rows that have what was given under these names."""
    wanted = [name for name in names if name in given]
    return [row for row in rows if all(row[name] == given[name] for name in wanted)]
