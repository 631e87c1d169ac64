"""What the form sent: a definition, written in its fields or as JSON, and what is to be done."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from django.http import QueryDict

from billing.admin.pricing.changes import with_model, with_row, without_row
from billing.admin.pricing.fields import field_named
from billing.admin.pricing.reading import parsed_json
from billing.admin.pricing.tree import ABSENT, tokens, tree_of
from neruba.errors import InvalidError

View = Literal["form", "json"]
MAX_PRICES = 200
CARRIED = 2
ENTITLEMENTS = "/entitlements"


@dataclass
class Sent:
    """The state of the form. In the view `json` the text says what the definition is, in the view
    `form` the fields do; the other is not there.

    `fault` is what was wrong with the text; `focus` the place of a row that was added just now.
    """

    definition: dict[str, Any]
    view: View = "form"
    index: int = 0
    text: str = ""
    quantities: str = ""
    fault: str = ""
    focus: str = ""

    @property
    def price(self) -> dict[str, Any] | None:
        """The price that is being written."""
        prices = self.definition.get("prices")
        found = (
            prices[self.index] if isinstance(prices, list) and self.index < len(prices) else None
        )
        return found if isinstance(found, dict) else None


def sent(post: QueryDict) -> Sent:
    """Read what was sent, and do what it says to the form itself."""
    state = Sent({}, index=_number(post.get("at", "")), quantities=post.get("quantities", ""))
    if post.get("view") == "json":
        state.view, state.text = "json", post.get("definition", "")
        try:
            state.definition = parsed_json(state.text)
        except InvalidError as error:
            state.fault = error.detail
    else:
        state.definition = tree_of(_entries(post))
        _tidy(state.definition)
        if state.price is not None:
            with_model(state.price, post.get("was", ""))
    act, _, place = post.get("act", "").partition(":")
    _do(state, act, place)
    return state


def _entries(post: QueryDict) -> Iterator[tuple[str, object]]:
    for name in post:
        text = post.get(name, "")
        if not name.startswith("/"):
            continue
        parts = tokens(name)
        if len(parts) == CARRIED and parts[0] == "prices":
            found = _carried(text)
            yield name, found if isinstance(found, dict) else ABSENT
        elif name == ENTITLEMENTS:
            yield name, _carried(text)
        else:
            yield name, field_named(parts[-1]).value(text)


def _carried(text: str) -> object:
    """What is not open, a price or the entitlements, travels as JSON, as it was."""
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError):
        return ABSENT
    return found


def _tidy(definition: dict[str, Any]) -> None:
    """A group of which nothing was written is not there."""
    prices = definition.get("prices")
    if not isinstance(prices, list):
        definition["prices"] = prices = []
    for price in prices:
        if isinstance(price, dict) and price.get("transform") == {}:
            del price["transform"]


def _do(state: Sent, act: str, place: str) -> None:
    if state.fault:
        return
    if act == "view" and place == "json":
        state.view = "json"
        state.text = json.dumps(state.definition, indent=2, ensure_ascii=False)
    elif act == "view" and place == "form":
        prices = state.definition.get("prices", [])
        if not isinstance(prices, list) or not all(isinstance(one, dict) for one in prices):
            state.fault = "The fields show prices that are a list of objects."
            return
        state.view, state.text = "form", ""
    elif act == "edit":
        state.index = _number(place)
    elif act == "add" and state.view == "form":
        state.focus = with_row(state.definition, place)
        if place == "/prices" and state.focus:
            state.index = len(state.definition["prices"]) - 1
    elif act == "remove" and state.view == "form":
        without_row(state.definition, place)
        prices = state.definition.get("prices") or []
        gone = place.count("/") == CARRIED and _number(place.rpartition("/")[2]) < state.index
        state.index = min(state.index - gone, max(len(prices) - 1, 0))


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 4 else 0  # noqa: PLR2004
