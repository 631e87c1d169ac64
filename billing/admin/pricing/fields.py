"""The fields of plans and prices: what they are called, and how text becomes their value.

Which of them a price has, its model says: it is asked, by reading a price with the field in it. A
field that nobody here has a name for is shown as it is called, so that a further model needs no
line in this file.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_args

from billing.admin.pricing.tree import ABSENT
from billing.admin.tariff import BILLING, KINDS
from billing.api.catalog import INTERVALS
from billing.rating.models import MODELS
from billing.rating.plan import Billing, Kind, parse_plan_price
from billing.rating.price import PriceError

Form = Literal["text", "decimal", "whole", "choice", "yes_no", "bound", "names", "match", "any"]
Choices = tuple[tuple[str, str], ...]

YES_NO: Choices = (("true", "yes"), ("false", "no"))
ROUND: Choices = (("", "not rounded"), ("up", "up"), ("down", "down"), ("half_up", "half up"))
UNITS: Choices = tuple((unit, unit) for unit in INTERVALS)
MAX_WHOLE_DIGITS = 9


@dataclass(frozen=True, slots=True)
class Field:
    """A field by its name in the definition. `width` is that of its input, in columns of six."""

    name: str
    label: str
    form: Form = "decimal"
    help: str = ""
    choices: Choices = ()
    width: int = 2

    def value(self, text: str) -> object:
        """The value that the text of its input means; ABSENT where nothing was written."""
        text = text.strip()
        if self.form == "bound" and not text:
            return None  # the open tier
        if not text:
            return ABSENT
        return READ[self.form](text) if self.form in READ else text

    def text(self, value: Any) -> str:
        """What its input shows of a value: `value` of it means the same."""
        if value is None or value is ABSENT:
            return ""
        if self.form == "names" and _is_plain_list(value):
            return ", ".join(value)
        if self.form == "match" and _is_plain_match(value):
            return ", ".join(
                f"{name}={'|'.join(one) if isinstance(one, list) else one}"
                for name, one in value.items()
            )
        return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _whole(text: str) -> object:
    is_whole = text.isascii() and text.isdigit() and len(text) <= MAX_WHOLE_DIGITS
    return int(text) if is_whole else text


def _json_or_text(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _names(text: str) -> object:
    found = _json_or_text(text) if text.startswith("[") else None
    return found if isinstance(found, list) else [part.strip() for part in text.split(",")]


def _match(text: str) -> object:
    found = _json_or_text(text) if text.startswith("{") else None
    if isinstance(found, dict):
        return found
    pairs = [part.partition("=") for part in text.split(",")]
    if not all(sign for _, sign, _ in pairs):
        return text
    return {name.strip(): _one_or_more(value.strip()) for name, _, value in pairs}


def _one_or_more(text: str) -> object:
    return [part.strip() for part in text.split("|")] if "|" in text else text


READ: Mapping[Form, Any] = {
    "whole": _whole,
    "yes_no": lambda text: {"true": True, "false": False}.get(text, text),
    "names": _names,
    "match": _match,
    "any": _json_or_text,
}


def _is_plain_list(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(one, str) and one == one.strip() and "," not in one and one[:1] != "["
        for one in value
    )


def _is_plain_match(value: Any) -> bool:
    if not isinstance(value, dict) or not value:
        return False
    texts: list[object] = [*value]
    for one in value.values():
        # A list of one would be read as that one.
        texts += one if isinstance(one, list) and len(one) > 1 else [one]
    return all(
        isinstance(one, str) and one and one == one.strip() and not set(",={|") & set(one)
        for one in texts
    )


PLAN_FIELDS = (
    Field("name", "Name", "text", width=1),
    Field("currency", "Currency", "text", "Empty: the project's.", width=1),
    Field("interval", "Every", "choice", choices=UNITS, width=1),
    Field("interval_count", "Count", "whole", width=1),
    Field("minimum_commitment", "Minimum", help="Of a period.", width=1),
    Field("trial_days", "Trial", "whole", "Days; empty: none.", width=1),
)
COMMON_FIELDS = (
    Field("code", "Code", "text", "By which invoices and overrides name it."),
    Field("name", "Name", "text", "What the line is called; empty: the code."),
    Field("kind", "Kind", "choice", choices=tuple((k, KINDS.get(k, k)) for k in get_args(Kind))),
    Field("meter", "Meter", "choice", "Whose quantity it prices."),
    Field("model", "Model", "choice"),
    Field(
        "billing",
        "Billed",
        "choice",
        choices=(("", "as usual"), *((b, BILLING.get(b, b)) for b in get_args(Billing))),
    ),
    Field("prorate", "Prorated", "yes_no", "For a part of a period.", choices=YES_NO),
)
MODEL_FIELDS = (
    Field("amount", "Amount", help="For each period, whatever is used."),
    Field("unit_amount", "Amount of a unit"),
    Field("free_units", "Free units", help="In each period."),
    Field("package_size", "Units in a package"),
    Field("package_amount", "Amount of a package"),
    Field(
        "rounding",
        "A package that is begun",
        "choice",
        choices=(("up", "is charged"), ("down", "is charged once full")),
    ),
    Field("rate_percent", "Percent"),
    Field("fixed_fee", "Fee of an event", help="For each event that is not free."),
    Field("free_events", "Free events", "whole"),
    Field("free_amount", "Free amount"),
    Field("min_per_event", "Least of an event"),
    Field("max_per_event", "Most of an event"),
    Field("default_unit_amount", "Amount of a unit elsewhere", help="Where no cell matches."),
    Field("multiplier", "Multiplier"),
    Field(
        "first_flat_at_zero",
        "First flat amount at zero",
        "yes_no",
        "Due also where nothing is used.",
        choices=YES_NO,
    ),
)
EXTRA_FIELDS = (
    Field("minimum_amount", "At least", help="In each period."),
    Field("maximum_amount", "At most", help="In each period."),
    Field("interval", "Own rhythm: every", "choice", choices=(("", "as the plan"), *UNITS)),
    Field("interval_count", "Count", "whole"),
)
TRANSFORM_FIELDS = (
    Field("divide_by", "Quantity divided by", help="Before it is priced."),
    Field("multiply_by", "Quantity multiplied by", help="Before it is priced."),
    Field("round", "Then rounded", "choice", choices=ROUND),
)
TIER_FIELDS = (
    Field("up_to", "Up to, inclusive", "bound", "all above"),
    Field("unit_amount", "Each unit"),
    Field("rate_percent", "Percent"),
    Field("flat_amount", "Flat amount"),
    Field("package_size", "Units in a block"),
    Field("package_amount", "Amount of a block"),
)
ROWS: Mapping[str, tuple[str, tuple[Field, ...]]] = {
    "tiers": ("Tiers", TIER_FIELDS),
    "cells": (
        "Cells",
        (
            Field("match", "Where", "match", "region=eu|us, size=large"),
            Field("unit_amount", "Each unit"),
        ),
    ),
    "filters": (
        "Counts only events whose",
        (
            Field("property", "Property", "text"),
            Field("in", "is one of", "names", "with commas between"),
        ),
    ),
}
KNOWN = {
    field.name: field
    for field in (
        *(one for _, columns in ROWS.values() for one in columns),
        *TRANSFORM_FIELDS,
        *EXTRA_FIELDS,
        *MODEL_FIELDS,
        *COMMON_FIELDS,
        *PLAN_FIELDS,
    )
}


def field_named(name: str) -> Field:
    """The field, or one that shows itself as it is called."""
    return KNOWN.get(name) or Field(name, name, "any")


# A price of each kind, to be asked with one field more.
ASKED: Mapping[str, dict[str, Any]] = {
    "recurring": {"model": "flat", "amount": "1"},
    "seat": {"model": "per_unit", "unit_amount": "1"},
    "usage": {"model": "flat", "amount": "1", "meter": "asked"},
    "one_time": {"model": "flat", "amount": "1"},
}
EXTRAS: Mapping[str, Any] = {
    "filters": [{"property": "asked", "in": ["asked"]}],
    "transform": {"divide_by": "10"},
    "minimum_amount": "1",
    "maximum_amount": "1",
    "interval": "month",
}


@cache
def takes_extra(kind: str, name: str) -> bool:
    """Whether a price of that kind can have the field, whatever its model."""
    try:
        parse_plan_price({"code": "asked", "kind": kind, **ASKED[kind], name: EXTRAS[name]})
    except PriceError as error:
        return error.pointer.split("/")[1] != name
    return True


@cache
def tier_columns(model: str) -> tuple[Field, ...]:
    """The columns of a tier that the model reads."""
    return tuple(field for field in TIER_FIELDS if _takes_column(model, field.name))


def _takes_column(model: str, name: str) -> bool:
    try:
        MODELS[model].parse({"tiers": [{"up_to": None, name: None if name == "up_to" else "1"}]})
    except PriceError as error:
        return not (error.code == "unknown" and error.pointer.endswith(f"/{name}"))
    return True


def model_fields(model: str) -> frozenset[str]:
    """The names that a price of the model has beside the common ones."""
    return MODELS[model].fields if model in MODELS else frozenset()
