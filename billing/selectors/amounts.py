"""Amounts of lines: they are in the ledger."""

from billing.models import InvoiceLine
from ledger.templates import RECEIVABLE
from neruba.money import Money


def line_amount(line: InvoiceLine, currency: str) -> Money:
    """The amount of a line: that of its transfer, negative where it leaves the receivable; zero
    without one.
    """
    if line.transfer is None:
        return Money(0, currency)
    sign = 1 if line.transfer.debit_account.code == RECEIVABLE else -1
    return Money(sign * line.transfer.amount_minor, line.transfer.currency)
