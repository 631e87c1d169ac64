"""How a good request can be wrong: no JSON, another type, a leaf that is not what it must be."""

import copy
import re
from collections.abc import Iterator
from typing import Any

BROKEN: dict[str, bytes] = {
    "cut off": b'{"name": ',
    "blank": b" ",
    "two values": b"{} {}",
    "single quotes": b"{'name': 'x'}",
    "a trailing comma": b'{"name": "x",}',
    "a comment": b'{} // "x"',
    "not a number": b'{"name": NaN}',
    "not UTF-8": b'{"name": "\xff"}',
    "a lone surrogate": b'{"name": "\\ud800"}',
    "a control character": b'{"name": "\x00"}',
    "a number that is none": b'{"name": 01}',
    "an endless number": b'{"name": 1' + b"0" * 5000 + b"}",
    "a deep object": b'{"a":' * 5000 + b"1" + b"}" * 5000,
    "a deep list": b"[" * 100_000,
    "a deep list in a field": b'{"name": ' + b"[" * 5000 + b"]" * 5000 + b"}",
}
WRONG_TYPES = (
    "text/plain",
    "application/xml",
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
    "application/problem+json",
    "nonsense",
)

INSTANT = re.compile(r"\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:\d\d)")
DECIMAL = re.compile(r"-?\d+(\.\d+)?")

# What json.dumps writes with a fraction or an exponent: floats never carry money, nor quantities.
NO_DECIMALS = [1.5, 1e30, "1e3", "NaN", "Infinity", "1,5", " 1", "", "0x10", "١"]
NO_INSTANTS = [
    "2026-02-01T00:00:00",  # no zone
    "2026-02-01",
    "2026-02-30T00:00:00Z",
    "2026-02-01 00:00",
    "tomorrow",
    "",
    1769904000,
]
NEITHER = [True, {}, {"a": 1}, [["nested"]]]


def leaves(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    """Each value that is no object and no list, with its JSON pointer."""
    if isinstance(value, dict):
        for name, member in value.items():
            yield from leaves(member, f"{path}/{name}")
    elif isinstance(value, list):
        for index, member in enumerate(value):
            yield from leaves(member, f"{path}/{index}")
    else:
        yield path, value


def wrong_values(value: object) -> list[Any]:
    """What must be refused where `value` is right."""
    if value is None:
        return [True, {"a": 1}]
    if isinstance(value, bool):
        return ["true", 1, 0, 1.0, {}, []]
    if isinstance(value, int):
        # What may be below zero is not wrong there.
        below = [-1] if value >= 0 else [-(10**30)]
        return ["1", 1.5, *below, 10**30, *NEITHER]
    assert isinstance(value, str)
    if INSTANT.fullmatch(value):
        return [*NO_INSTANTS, *NEITHER]
    if DECIMAL.fullmatch(value):
        return [*NO_DECIMALS, *NEITHER]
    return [42, 1.5, "x" * 5001, *NEITHER]


def replaced(body: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    """A copy of the body with another value at the JSON pointer."""
    changed = copy.deepcopy(body)
    *parents, last = path.split("/")[1:]
    place: Any = changed
    for name in parents:
        place = place[int(name)] if isinstance(place, list) else place[name]
    place[int(last) if isinstance(place, list) else last] = value
    return changed
