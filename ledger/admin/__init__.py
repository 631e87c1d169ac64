"""The books as operators see them: to be read only."""

from ledger.admin.accounts import AccountAdmin
from ledger.admin.journal import JournalEntryAdmin, TransferAdmin
from ledger.admin.wallets import GrantAdmin, WalletAdmin

__all__ = ["AccountAdmin", "GrantAdmin", "JournalEntryAdmin", "TransferAdmin", "WalletAdmin"]
