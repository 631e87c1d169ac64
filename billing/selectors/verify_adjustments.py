"""What the rows of discounts and taxes say beside what is shown and hashed."""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from billing.models import Invoice, InvoiceDiscount, InvoiceTax
from billing.rating.invoice import InvoiceContent
from billing.rating.lines import discount_name, tax_name
from neruba.models import Project


class Beside(NamedTuple):
    """One of an invoice's discounts, by the period that it counts for and its inclusive tax (minor
    units), or one of its taxes, by its country; `transfer` is what names its amount in the ledger,
    empty where it has none.
    """

    transfer: str
    line: str
    unit: int = 0
    included_minor: int = 0
    country: str = ""


def beside_of_rows(project: Project, invoices: Sequence[Invoice]) -> dict[int, Counter[Beside]]:
    """What is stored of each of these issued invoices, by pk; two queries."""
    found: dict[int, Counter[Beside]] = {row.pk: Counter() for row in invoices}
    mine = {"project": project, "invoice__in": list(found)}
    for given in InvoiceDiscount.objects.filter(**mine).select_related("transfer"):
        one = Beside(given.transfer.line, given.line_key, given.unit, given.included_minor)
        # The number is in the name of the transfer.
        if given.transfer.line != discount_name(given.line_key, given.number):
            one = one._replace(transfer="")
        found[given.invoice_id][one] += 1
    for tax in InvoiceTax.objects.filter(**mine).select_related("transfer"):
        name = "" if tax.transfer is None else tax.transfer.line
        found[tax.invoice_id][Beside(name, tax.line_key, country=tax.country)] += 1
    return found


def beside_of_content(content: InvoiceContent) -> Counter[Beside]:
    """What is to be stored of it."""
    composed = content.composed
    found = Counter(
        Beside(discount_name(one.line, one.coupon.number), one.line, one.unit, one.included_minor)
        for one in composed.discounts
    )
    for place, tax in enumerate(composed.taxes):
        for line, _, minor in tax.parts:
            name = tax_name(line, place) if minor else ""
            found[Beside(name, line, country=tax.rate.country)] += 1
    return found
