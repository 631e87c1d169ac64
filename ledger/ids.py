"""Ids of accounts and entries as callers see them: a type prefix and the row's number.

Derived, so that large tables need no further column and index. They are opaque, but no secret: what
protects a row is the lookup within the caller's project.
"""

import re

ACCOUNT = "acc"
ENTRY = "txn"

_DIGITS = 12
_FORM = re.compile(rf"([a-z]+)_([0-9a-f]{{{_DIGITS}}})")


def public_id(prefix: str, pk: int) -> str:
    """The id of row `pk`, such as "txn_00000000002a"."""
    return f"{prefix}_{pk:0{_DIGITS}x}"


def row_number(prefix: str, text: str) -> int:
    """The `pk` behind an id; 0, which no row has, where the text is no id of this prefix."""
    match = _FORM.fullmatch(text)
    return int(match[2], 16) if match and match[1] == prefix else 0
