"""Payments as operators see them, and what payments add to the page of an invoice."""

from payments.admin import checkout, disputes, inbox, packs, refunds, transactions
from payments.admin.invoice import PaidInvoiceAdmin
from payments.admin.payment import PaymentAdmin

__all__ = [
    "PaidInvoiceAdmin",
    "PaymentAdmin",
    "checkout",
    "disputes",
    "inbox",
    "packs",
    "refunds",
    "transactions",
]
