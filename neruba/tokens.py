"""Secrets of callers, `<mark>_<prefix>_<random>`: the prefix finds the row, a hash proves it."""

import hashlib
import secrets

API_KEY = "nrb"
OPERATOR_TOKEN = "nro"  # noqa: S105 - a mark, no secret
PREFIX_BYTES = 6
SECRET_BYTES = 32


def new_token(mark: str) -> tuple[str, str]:
    """A new prefix, and the whole secret with 32 random bytes, to be shown once."""
    prefix = secrets.token_hex(PREFIX_BYTES)
    return prefix, f"{mark}_{prefix}_{secrets.token_urlsafe(SECRET_BYTES)}"


def hash_of(secret: str) -> str:
    """What is stored of a secret; it has 256 random bits, so that a fast hash is enough."""
    return hashlib.sha256(secret.encode()).hexdigest()


def prefix_of(secret: str, mark: str) -> str | None:
    """The prefix in a secret of this mark; None where it is no such secret."""
    found, _, rest = secret.partition("_")
    prefix = rest.partition("_")[0]
    return prefix if found == mark and prefix.isascii() and prefix.isalnum() else None


def matches(secret: str, stored_hash: str) -> bool:
    """Whether it is the secret of this hash; compared in constant time."""
    return secrets.compare_digest(stored_hash, hash_of(secret))
