"""Canonical JSON (RFC 8785) and its SHA-256, for hashes, fingerprints and evidence.

Equal values give equal bytes on every machine and database. Numbers are integers; a decimal goes in
as text (`neruba.decimals.plain`), an instant as text (`neruba.period.rfc3339`).
"""

import hashlib
import json

# The integers that every JSON reader keeps (RFC 7493, 2.2); larger ones go in as text.
MAX_INTEGER = 2**53 - 1

_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_encode_sorted = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, separators=(",", ":"), sort_keys=True
).encode


def canonical_json(value: object) -> str:
    """Write None, bool, int, str, lists, tuples and dicts with text keys as RFC 8785 says.

    Keys are ordered by their UTF-16 code units; there is no white space; only what JSON demands is
    escaped. Raises TypeError for floats, decimals and every other type, and for keys that are no
    text; ValueError for integers beyond 2**53 - 1 either way and for lone surrogates, which have no
    UTF-8.
    """
    # Code points and UTF-16 code units order keys alike until one lies beyond the first plane.
    text = _encode_sorted(value) if _keys_are_ascii(value) else _encode(_ordered(value))
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ValueError("text with a lone surrogate cannot be written as UTF-8") from error
    return text


def sha256_hex(value: object) -> str:
    """Hash the UTF-8 bytes of `canonical_json(value)`: 64 lower-case hexadecimal digits."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def _keys_are_ascii(value: object) -> bool:
    """Check the types of a whole tree, and say whether all keys in it are ASCII."""
    if value is None or isinstance(value, str | bool):
        return True
    if isinstance(value, int):
        if not -MAX_INTEGER <= value <= MAX_INTEGER:
            raise ValueError(
                f"the integer {value} is too large for canonical JSON; write it as text"
            )
        return True
    if isinstance(value, dict):
        ascii_only = True
        for key, member in value.items():
            if not isinstance(key, str):
                raise TypeError(f"a key of canonical JSON is text, not {type(key).__name__}")
            # Both sides are wanted: every member is checked, also after the first key that is not
            # ASCII.
            ascii_only = _keys_are_ascii(member) and key.isascii() and ascii_only
        return ascii_only
    if isinstance(value, list | tuple):
        ascii_only = True
        for member in value:
            ascii_only = _keys_are_ascii(member) and ascii_only
        return ascii_only
    raise TypeError(f"canonical JSON has no {type(value).__name__}; decimals and instants are text")


def _ordered(value: object) -> object:
    """Copy a tree with the keys of every dict in the order of their UTF-16 code units."""
    if isinstance(value, dict):
        keys = sorted(value, key=_utf16)
        return {key: _ordered(value[key]) for key in keys}
    if isinstance(value, list | tuple):
        return [_ordered(member) for member in value]
    return value


def _utf16(key: str) -> bytes:
    return key.encode("utf-16-be", "surrogatepass")
