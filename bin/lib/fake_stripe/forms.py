"""Stripe's form parameters: `a[b][0][c]=1` becomes nested dicts and lists, then typed values.

A specification is a dict of name to kind; a name that ends in `!` is required. A kind is a function
of (text, param), another specification, or a list of one kind.
"""

import re
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any
from urllib.parse import parse_qsl

from bin.lib.fake_stripe.errors import invalid, missing, unknown

Spec = Mapping[str, Any]

MAX_TEXT = 5000
# Of metadata.
MAX_KEYS, MAX_KEY, MAX_VALUE = 50, 40, 500

_NAME = re.compile(r"^([^\[\]]+)((?:\[[^\[\]]*\])*)$")
_PART = re.compile(r"\[([^\[\]]*)\]")


def decode(form: str) -> dict[str, Any]:
    """The tree of a query or body. Lists stay dicts of index to value until a kind says so."""
    tree: dict[str, Any] = {}
    for name, value in parse_qsl(form, keep_blank_values=True):
        found = _NAME.match(name)
        if not found:
            raise invalid(f"Invalid parameter name: {name}", param=name)
        path = [found[1], *_PART.findall(found[2])]
        _put(tree, path, value, name)
    return tree


def _put(tree: dict[str, Any], path: list[str], value: str, name: str) -> None:
    for part, following in pairwise(path):
        key = part or str(len(tree))
        node = tree.setdefault(key, {})
        if not isinstance(node, dict):
            raise invalid(f"Invalid object at {following}", param=name)
        tree = node
    key = path[-1] or str(len(tree))
    tree[key] = value


def read(spec: Spec, given: Mapping[str, Any], at: str = "") -> dict[str, Any]:
    """Typed values of what was given, and nothing that was not.

    Raises 400 for a parameter that is not in the specification, is missing, or of a wrong form.
    """
    kinds = {name.rstrip("!"): kind for name, kind in spec.items()}
    for name in given:
        if name not in kinds:
            raise unknown(_under(at, name))
    for name in spec:
        if name.endswith("!") and given.get(name[:-1], "") == "":
            raise missing(_under(at, name[:-1]))
    return {name: _value(kinds[name], value, _under(at, name)) for name, value in given.items()}


def _value(kind: Any, value: Any, at: str) -> Any:
    if isinstance(kind, list):
        if not isinstance(value, dict):
            raise invalid("Invalid array", param=at)
        return [_value(kind[0], one, f"{at}[{n}]") for n, one in enumerate(value.values())]
    if isinstance(kind, Mapping):
        if not isinstance(value, dict):
            raise invalid("Invalid object", param=at)
        return read(kind, value, at)
    as_kind: Callable[[Any, str], Any] = kind
    return as_kind(value, at)


def _under(at: str, name: str) -> str:
    return f"{at}[{name}]" if at else name


def text(value: Any, at: str) -> str:
    if not isinstance(value, str):
        raise invalid(f"Invalid string: {value}", param=at)
    if len(value) > MAX_TEXT:
        raise invalid("Invalid string: too long", param=at)
    return value


def whole(value: Any, at: str) -> int:
    if not isinstance(value, str) or not re.fullmatch(r"-?\d{1,18}", value):
        raise invalid(f"Invalid integer: {value}", code="parameter_invalid_integer", param=at)
    return int(value)


def positive(value: Any, at: str) -> int:
    number = whole(value, at)
    if number < 1:
        raise invalid(
            "This value must be greater than or equal to 1.",
            code="parameter_invalid_integer",
            param=at,
        )
    return number


def flag(value: Any, at: str) -> bool:
    if value not in ("true", "false"):
        raise invalid(f"Invalid boolean: {value}", param=at)
    return bool(value == "true")


def currency(value: Any, at: str) -> str:
    code = text(value, at).lower()
    if not re.fullmatch(r"[a-z]{3}", code):
        raise invalid(f"Invalid currency: {value}", param=at)
    return code


def address(value: Any, at: str) -> str:
    """A URL of http or https."""
    if not re.match(r"^https?://[^\s/]+", text(value, at)):
        raise invalid("Not a valid URL", code="url_invalid", param=at)
    return str(value)


def metadata(value: Any, at: str) -> dict[str, str]:
    """Up to 50 keys of 40 characters, values of 500; an empty value removes the key."""
    if value == "":
        return {}
    if not isinstance(value, dict):
        raise invalid("Invalid hash", param=at)
    if len(value) > MAX_KEYS:
        raise invalid("At most 50 keys of metadata.", param=at)
    for name, one in value.items():
        if len(name) > MAX_KEY or not isinstance(one, str) or len(one) > MAX_VALUE:
            raise invalid("Metadata: keys up to 40 characters, values up to 500.", param=at)
    return dict(value)


def one_of(*names: str) -> Callable[[Any, str], str]:
    def kind(value: Any, at: str) -> str:
        if value not in names:
            raise invalid(f"Invalid {at}: must be one of {', '.join(names)}", param=at)
        return str(value)

    return kind


def anything(value: Any, at: str) -> Any:
    return value


def instants(value: Any, at: str) -> dict[str, int]:
    """A time, or bounds: gt, gte, lt, lte."""
    if isinstance(value, dict):
        return read({"gt": whole, "gte": whole, "lt": whole, "lte": whole}, value, at)
    moment = whole(value, at)
    return {"gte": moment, "lte": moment}
