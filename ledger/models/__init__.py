"""The books."""

from ledger.models.account import Account
from ledger.models.journal import JournalEntry, Transfer

__all__ = ["Account", "JournalEntry", "Transfer"]
