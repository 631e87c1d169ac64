"""Canonical JSON (RFC 8785) and its SHA-256, for hashes, fingerprints and evidence.

Equal values give equal bytes on every machine and database. Numbers are integers; a decimal goes in
as text (`neruba.decimals.plain`), an instant as text (`neruba.period.rfc3339`).
"""

import hashlib

import msgspec

# The integers that every JSON reader keeps (RFC 7493, 2.2); larger ones go in as text.
MAX_INTEGER = 2**53 - 1

_encode = msgspec.json.Encoder().encode
_encode_sorted = msgspec.json.Encoder(order="deterministic").encode


def canonical_json(value: object) -> str:
    """Write None, bool, int, str, lists, tuples and dicts with text keys as RFC 8785 says.

    Keys are ordered by their UTF-16 code units; there is no white space; only what JSON demands is
    escaped. What `embedded` returned stands as it is. Raises TypeError for floats, decimals and
    every other type, and for keys that are no text; ValueError for integers beyond 2**53 - 1 either
    way and for lone surrogates, which have no UTF-8.
    """
    return _canonical(value).decode()


def sha256_hex(value: object) -> str:
    """Hash the UTF-8 bytes of `canonical_json(value)`: 64 lower-case hexadecimal digits."""
    return hashlib.sha256(_canonical(value)).hexdigest()


def embedded(text: str) -> msgspec.Raw:
    """What `canonical_json` wrote, to be a member of a larger value without being written again.

    Law: canonical_json([embedded(canonical_json(x))]) == canonical_json([x]).
    """
    return msgspec.Raw(text.encode())


def _canonical(value: object) -> bytes:
    # Code points and UTF-16 code units order keys alike until one lies beyond the first plane.
    try:
        return _encode_sorted(value) if _is_simple(value) else _encode(_ordered(value))
    except UnicodeEncodeError as error:
        raise ValueError("text with a lone surrogate cannot be written as UTF-8") from error


def _is_simple(value: object) -> bool:
    """Check the types of a whole tree, and say whether all keys in it are ASCII and no type is
    derived from another, so that the encoder takes it as it is.
    """
    kind = type(value)
    if kind is str or value is None or kind is bool or kind is msgspec.Raw:
        return True
    if kind is dict:
        return _is_simple_object(value)  # type: ignore[arg-type]
    if isinstance(value, list | tuple):
        simple = True
        for member in value:
            # Both sides are wanted: every member is checked, also after the first one at fault.
            simple = (type(member) is str or _is_simple(member)) and simple
        return simple and (kind is list or kind is tuple)
    if isinstance(value, int):
        if not -MAX_INTEGER <= value <= MAX_INTEGER:
            raise ValueError(
                f"the integer {value} is too large for canonical JSON; write it as text"
            )
        return kind is int
    if isinstance(value, dict):
        _is_simple_object(value)
        return False
    if isinstance(value, str):
        return False
    raise TypeError(f"canonical JSON has no {kind.__name__}; decimals and instants are text")


def _is_simple_object(value: dict[object, object]) -> bool:
    simple = True
    for key, member in value.items():
        if type(key) is not str:
            if not isinstance(key, str):
                raise TypeError(f"a key of canonical JSON is text, not {type(key).__name__}")
            simple = False
        simple = (type(member) is str or _is_simple(member)) and key.isascii() and simple
    return simple


def _ordered(value: object) -> object:
    """Copy a tree with plain types and the keys of every dict in the order of their UTF-16 code
    units.
    """
    if isinstance(value, dict):
        keys = sorted(value, key=_utf16)
        return {str.__str__(key): _ordered(value[key]) for key in keys}
    if isinstance(value, list | tuple):
        return [_ordered(member) for member in value]
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int) and not isinstance(value, bool):
        return int(value)
    return value


def _utf16(key: str) -> bytes:
    return key.encode("utf-16-be", "surrogatepass")
