"""The books."""

from ledger.models.account import Account
from ledger.models.journal import JournalEntry, Transfer
from ledger.models.wallet import Grant, Wallet

__all__ = ["Account", "Grant", "JournalEntry", "Transfer", "Wallet"]
