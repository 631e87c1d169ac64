"""Facts to transfers: which accounts a fact touches. Pure; docs/ledger.md has the table with worked
numbers.
"""

from ledger.templates.keys import AccountKey, Move, OperationKey, Posting

__all__ = ["AccountKey", "Move", "OperationKey", "Posting"]
