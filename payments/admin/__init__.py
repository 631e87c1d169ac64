"""What the console shows of payments."""

from payments.admin import checkout, disputes, inbox, packs, refunds, transactions

__all__ = ["checkout", "disputes", "inbox", "packs", "refunds", "transactions"]
