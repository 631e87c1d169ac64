"""Opaque ids with a type prefix, for what the system makes."""

import secrets

RANDOM_BYTES = 12


def new_id(prefix: str) -> str:
    """A random id such as `inv_5f0c…`; never part of a hash or a fingerprint."""
    return f"{prefix}_{secrets.token_hex(RANDOM_BYTES)}"
