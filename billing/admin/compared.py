"""The panel of an invoice's page that says why it comes to more than another one."""

from dataclasses import dataclass

from billing.models import Invoice
from billing.selectors.comparisons import comparable, compare_invoices, invoice_before
from neruba.admin.page import Table, figure, link_to, money
from neruba.money import Money

CHOICES_SHOWN = 24
CAUSES = {
    "quantity": "Quantity",
    "unit_price": "Unit price",
    "proration": "Part of the period",
    "discount": "Discount",
    "tax": "Tax",
    "added": "New",
    "removed": "Gone",
    "charge": "Charge",
    "minimum": "Minimum",
    "correction": "Correction",
}


@dataclass(frozen=True, slots=True)
class Compared:
    """What the panel shows: the invoices to choose from, and the parts of the difference to the
    chosen one, if there is one.
    """

    choices: tuple[Invoice, ...]
    other: Invoice | None = None
    table: Table | None = None


def compared(invoice: Invoice, named: str) -> Compared | None:
    """Compared with the invoice that is `named` by its id, else with the one before; None where the
    customer has no other invoice.
    """
    choices = tuple(comparable(invoice)[:CHOICES_SHOWN])
    if not choices:
        return None
    other = comparable(invoice).filter(public_id=named).first() if named else None
    other = other or invoice_before(invoice)
    if other is None:
        return Compared(choices)
    found = compare_invoices(invoice, other)
    currency = invoice.currency
    sign = "+" if found.difference.minor > 0 else ""
    words = f"{money(found.new.total)} instead of {money(found.old.total)}"
    table = Table(
        title=f"Compared with {other}: {words}, {sign}{money(found.difference)}",
        columns=("Price", "Cause", "In words", f"Amount {currency}"),
        rows=[
            (
                part.description,
                CAUSES[part.cause],
                part.text,
                figure(Money(part.amount_minor, currency)),
            )
            for part in found.parts
        ],
        empty="Nothing: both come to the same, price by price.",
        numeric=(f"Amount {currency}",),
        more=link_to(other, other.number),
        anchor="compared",
    )
    return Compared(choices, other, table)
