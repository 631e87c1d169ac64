"""The books as operators see them: to be read only."""

from ledger.admin.accounts import AccountAdmin
from ledger.admin.journal import JournalEntryAdmin, TransferAdmin

__all__ = ["AccountAdmin", "JournalEntryAdmin", "TransferAdmin"]
