"""The tax on what is written off, which a project with `bad_debt_tax_relief` does not pay."""

from collections import Counter

from billing.models import Invoice
from ledger.selectors.journal import transfers_of_documents
from ledger.selectors.settlements import RECOVER, WRITE_OFF, settlement_of
from ledger.templates.keys import TAX
from neruba.money import Money, allocate


def tax_relief(invoice: Invoice, amount: Money) -> dict[str, int]:
    """The tax that is part of so much of what is due, by rate, in minor units.

    In proportion to all that stands written off of what stands billed, less what stands relieved:
    so that the parts of a whole add up to its tax.
    """
    settled = settlement_of(invoice.project, invoice.document)
    whole = settled.total_minor - settled.credited_minor
    off = min(settled.written_off_minor + amount.minor, whole)
    billed, relieved = taxes_standing(invoice)
    return {
        rate: min(max(0, allocate(minor, [off, whole - off])[0] - relieved[rate]), minor)
        for rate, minor in billed.items()
        if minor > 0 and whole > 0
    }


def tax_due_again(invoice: Invoice, amount: Money) -> dict[str, int]:
    """The tax that is due again once so much of a write-off is recovered, by rate, in minor units:
    what stands relieved, less what `tax_relief` gives to the write-off that is left. So a write-off
    and its recovery leave everything as it was.
    """
    settled = settlement_of(invoice.project, invoice.document)
    whole = settled.total_minor - settled.credited_minor
    off = min(max(settled.written_off_minor - amount.minor, 0), whole)
    billed, relieved = taxes_standing(invoice)
    return {
        rate: max(0, minor - (allocate(billed[rate], [off, whole - off])[0] if whole > 0 else 0))
        for rate, minor in relieved.items()
        if minor > 0
    }


def taxes_standing(invoice: Invoice) -> tuple[Counter[str], Counter[str]]:
    """The tax that stands billed, less credit notes, and of it what write-offs relieve, by rate in
    minor units.
    """
    billed: Counter[str] = Counter()
    relieved: Counter[str] = Counter()
    for row in transfers_of_documents(invoice.project, [invoice.document]):
        is_relief = row.entry.kind in (WRITE_OFF, RECOVER)
        for account, sign in ((row.credit_account, 1), (row.debit_account, -1)):
            if account.code != TAX:
                continue
            if is_relief:
                relieved[account.sub] -= sign * row.amount_minor
            else:
                billed[account.sub] += sign * row.amount_minor
    return billed, relieved
