"""Acts on the form that change which fields it has: rows added and taken out, another model."""

import re
from collections.abc import Mapping
from typing import Any

from billing.admin.pricing.fields import EXTRAS, MODEL_FIELDS, ROWS, model_fields
from billing.admin.pricing.tree import at, pointer_of

NEW_PRICE: Mapping[str, Any] = {"kind": "usage", "model": "per_unit"}
PLACE = re.compile(r"/prices(/[0-9]{1,4}(/(tiers|cells|filters)(/[0-9]{1,4})?)?)?")
ALL_MODEL_FIELDS = {one.name for one in MODEL_FIELDS} | (set(ROWS) - set(EXTRAS))


def with_row(definition: dict[str, Any], pointer: str) -> str:
    """Add a member to the list at the pointer; returns where it stands.

    A tier comes before the open one, which stays the last.
    """
    if not PLACE.fullmatch(pointer) or pointer.count("/") not in {1, 3}:
        return ""
    above, _, name = pointer.rpartition("/")
    holder = at(definition, above) if above else definition
    if not isinstance(holder, dict):
        return ""
    rows = holder.get(name)
    if not isinstance(rows, list):
        rows = holder[name] = []
    place = len(rows)
    if name == "tiers":
        place -= bool(rows) and isinstance(rows[-1], dict) and rows[-1].get("up_to") is None
    rows.insert(place, _new(name))
    return pointer + pointer_of(place)


def _new(name: str) -> dict[str, Any]:
    if name == "prices":
        return dict(NEW_PRICE)
    return {"up_to": None} if name == "tiers" else {}


def without_row(definition: dict[str, Any], pointer: str) -> None:
    """Take the member at the pointer out of its list; the list with its last one."""
    if not PLACE.fullmatch(pointer) or pointer.count("/") not in {2, 4}:
        return
    above, _, place = pointer.rpartition("/")
    rows = at(definition, above)
    if not isinstance(rows, list) or int(place) >= len(rows):
        return
    del rows[int(place)]
    before, _, name = above.rpartition("/")
    holder = at(definition, before)
    if not rows and name != "prices" and isinstance(holder, dict):
        del holder[name]


def with_model(price: dict[str, Any], was: str) -> None:
    """After another model was chosen: fields of the former one that this has not are taken out,
    and a list that it needs begins with one row.
    """
    model = str(price.get("model") or "")
    own = model_fields(model)
    if was and was != model and own:
        for name in ALL_MODEL_FIELDS - own:
            price.pop(name, None)
    if "tiers" in own and not price.get("tiers"):
        price["tiers"] = [{"up_to": None}]
    if "cells" in own and not price.get("cells"):
        price["cells"] = [{}]
