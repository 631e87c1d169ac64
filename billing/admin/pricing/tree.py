"""Between the fields of a form, named by JSON pointers, and the definition that they make up."""

from collections.abc import Iterable, Iterator
from typing import Any

MAX_DEPTH = 6
ABSENT = object()


def tokens(pointer: str) -> list[str]:
    """The reference tokens of a pointer (RFC 6901): `/prices/0/tiers` has three."""
    return [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]


def pointer_of(*parts: object) -> str:
    """The pointer of these tokens."""
    return "".join(f"/{str(part).replace('~', '~0').replace('/', '~1')}" for part in parts)


def tree_of(entries: Iterable[tuple[str, object]]) -> dict[str, Any]:
    """The definition of these values by pointer; what is below a number is a list, whose order is
    that of the numbers. An ABSENT value leaves only the place that it would stand in.

    Entries that contradict one another, or lie too deep, are left out: no form of ours sends them.
    """
    root: dict[str, Any] = {}
    for pointer, value in entries:
        parts = tokens(pointer)
        if not 0 < len(parts) <= MAX_DEPTH:
            continue
        node: Any = root
        for part in parts[:-1]:
            node = node.setdefault(part, {})
            if not isinstance(node, dict):
                break
        else:
            if value is not ABSENT:
                node[parts[-1]] = value
    found = _with_lists(root)
    return found if isinstance(found, dict) else {}


def _with_lists(node: Any) -> Any:
    if not isinstance(node, dict):
        return node
    inside = {name: _with_lists(value) for name, value in node.items()}
    if inside and all(name.isascii() and name.isdigit() for name in inside):
        return [inside[name] for name in sorted(inside, key=int)]
    return inside


def at(tree: Any, pointer: str) -> Any:
    """What stands at a pointer, or None."""
    node = tree
    for part in tokens(pointer):
        if isinstance(node, list) and part.isdigit() and int(part) < len(node):
            node = node[int(part)]
        elif isinstance(node, dict) and part in node:
            node = node[part]
        else:
            return None
    return node


def above(pointer: str) -> Iterator[str]:
    """The pointer, then those of all that it lies in, up to the whole."""
    while pointer:
        yield pointer
        pointer = pointer.rpartition("/")[0]
    yield ""
