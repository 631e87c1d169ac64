"""The hash that seals a document: its content, its number, its dates, its parties and its
transfers. Pure.
"""

from collections.abc import Sequence
from datetime import datetime

from ledger.templates import AccountKey, Move
from neruba.canonical import sha256_hex
from neruba.period import rfc3339


def document_hash(
    *,
    content_hash: str,
    number: str | None,
    finalized_at: datetime | None,
    due_at: datetime | None,
    parties_digest: str,
    moves: Sequence[Move],
) -> str:
    """SHA-256 of all that was decided when the document was finalised."""
    assert number is not None
    assert finalized_at is not None
    assert due_at is not None
    return sha256_hex(
        {
            "content_hash": content_hash,
            "number": number,
            "finalized_at": rfc3339(finalized_at),
            "due_at": rfc3339(due_at),
            "parties": parties_digest,
            "transfers": [
                [_account(move.debit), _account(move.credit), str(move.amount_minor), move.line]
                for move in moves
            ],
        }
    )


def _account(key: AccountKey) -> list[str]:
    return [key.code, key.currency, key.party, key.sub]
