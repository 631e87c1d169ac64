"""What an entry says, as a hash: its key, accounting date and moves by natural keys. Pure."""

from collections.abc import Sequence
from datetime import datetime

from ledger.templates import AccountKey, Move, OperationKey
from neruba.canonical import sha256_hex
from neruba.period import rfc3339


def entry_fingerprint(
    *,
    key: OperationKey,
    occurred_at: datetime,
    moves: Sequence[Move],
    reverses: OperationKey | None,
) -> str:
    """SHA-256 of the content; equal on every database, since no row number stands in it."""
    return sha256_hex(
        {
            "key": _key(key),
            "occurred_at": rfc3339(occurred_at),
            "moves": [
                {
                    "debit": _account(move.debit),
                    "credit": _account(move.credit),
                    "amount_minor": str(move.amount_minor),
                    "document": move.document,
                    "line": move.line,
                }
                for move in moves
            ],
            "reverses": None if reverses is None else _key(reverses),
        }
    )


def _key(key: OperationKey) -> list[str]:
    return [key.kind, key.object, str(key.occurrence)]


def _account(account: AccountKey) -> list[str]:
    return [account.code, account.currency, account.party, account.sub]
