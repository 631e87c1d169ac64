"""Documents as they are shown: issued ones read from rows and ledger, drafts computed."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any, TypeVar

from django.db.models import QuerySet

from billing.models import Invoice, InvoiceDiscount, InvoiceLine, InvoiceTax
from billing.rating.discounts import Discount, discount_content
from billing.rating.invoice import invoice_content
from billing.rating.lines import line_content
from billing.rating.taxes import Tax
from billing.selectors.amounts import discount_amount, line_amount, tax_amount
from billing.selectors.contents import Computed, computed, waiting_charges
from billing.selectors.credits import expected_settlements
from billing.selectors.printed import coupon_of
from ledger.selectors.settlements import Settlement, settlements
from neruba.canonical import sha256_hex
from neruba.models import Project
from neruba.money import Money
from neruba.period import Interval
from neruba.tax import TaxRateFact

R = TypeVar("R", InvoiceLine, InvoiceDiscount, InvoiceTax)

RELATED = ("project", "customer", "subscription__customer", "party", "run")


@dataclass(frozen=True, slots=True)
class Document:
    """An invoice with its content, in the form that is hashed, and what of it is still to be paid.

    For an issued one the amounts are those of its transfers; for a draft or a preview they are
    computed. `numbers` are those of the invoices that its lines correct, by operation key: they are
    no part of the content.
    """

    invoice: Invoice
    content: Mapping[str, Any]
    settlement: Settlement
    numbers: Mapping[str, str] = field(default_factory=dict)

    @property
    def total(self) -> Money:
        return self._money(self.content["total"])

    @property
    def subtotal(self) -> Money:
        """The sum of its lines, before discounts and tax."""
        return self._sum(self.content["lines"])

    @property
    def discount_total(self) -> Money:
        return self._sum(self.content["discounts"])

    @property
    def tax_total(self) -> Money:
        return self._sum(self.content["taxes"])

    @property
    def discount_by_line(self) -> dict[str, Money]:
        """What coupons take off each line, by its key; a line without discount is left out."""
        return self._by_line(self.content["discounts"])

    @property
    def tax_by_line(self) -> dict[str, Money]:
        """The tax on each line, by its key; a line without tax is left out."""
        return self._by_line(self.content["taxes"])

    def _sum(self, rows: Sequence[Mapping[str, Any]]) -> Money:
        return self.money(sum(self._money(row["amount"]).minor for row in rows))

    def _money(self, amount: str) -> Money:
        """An amount of the content: it has all digits of the currency, and may be of any size."""
        return self.money(int(amount.replace(".", "")))

    def _by_line(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Money]:
        found: dict[str, Money] = {}
        for row in rows:
            for part in row["lines"]:
                before = found.get(part["line"], self.money(0))
                found[part["line"]] = before + self._money(part["amount"])
        return found

    @property
    def due(self) -> Money:
        """What is still to be paid of it."""
        return self.money(self.settlement.due_minor)

    def money(self, minor: int) -> Money:
        return Money(minor, self.invoice.currency)

    @property
    def content_hash(self) -> str:
        """The hash of what is shown here; equal to the stored one unless something was changed."""
        return sha256_hex(self.content)


def documents_of(project: Project, invoices: Sequence[Invoice]) -> list[Document]:
    """The documents of these rows, in their order; a constant number of queries.

    A row that was read as a draft and was issued in the meantime comes as it was issued; one that
    came to nothing is left out.
    """
    issued = [row for row in invoices if row.status != Invoice.Status.DRAFT]
    drafts = [row for row in invoices if row.status == Invoice.Status.DRAFT]
    found = {one.invoice.pk: one for one in _issued(project, issued)}
    found |= {one.invoice.pk: one for one in _drafts(project, drafts)}
    if overtaken := [row.pk for row in drafts if row.pk not in found]:
        rows = Invoice.objects.filter(pk__in=overtaken).exclude(status=Invoice.Status.DRAFT)
        fresh = list(rows.select_related(*RELATED))
        found |= {one.invoice.pk: one for one in _issued(project, fresh)}
    return _numbered(project, [found[row.pk] for row in invoices if row.pk in found])


def documents_of_computed(project: Project, found: Sequence[Computed]) -> list[Document]:
    """Documents that are not issued, with what they would draw of credits."""
    return _numbered(project, _expected(project, found))


def _expected(project: Project, found: Sequence[Computed]) -> list[Document]:
    settled = expected_settlements(project, found)
    return [
        Document(one.invoice, one.content.content(), settled[index])
        for index, one in enumerate(found)
    ]


def document_of_computed(one: Computed) -> Document:
    """A document that is not issued; without the numbers of what it corrects, and what it draws."""
    return Document(one.invoice, one.content.content(), Settlement(one.content.total.minor))


def _numbered(project: Project, documents: Sequence[Document]) -> list[Document]:
    keys = {
        line["corrects"]["invoice"]
        for document in documents
        for line in document.content["lines"]
        if line["corrects"]
    }
    if not keys:
        return list(documents)
    rows = Invoice.objects.filter(project=project, operation_key__in=keys, sequence__isnull=False)
    numbers = {row.operation_key: str(row) for row in rows}
    return [replace(document, numbers=numbers) for document in documents]


def _drafts(project: Project, drafts: Sequence[Invoice]) -> list[Document]:
    if not drafts:
        return []
    # A charge goes on the first draft that takes it, so all drafts of the customers are looked at.
    rows = Invoice.objects.filter(
        project=project,
        status=Invoice.Status.DRAFT,
        customer__in={draft.customer_id for draft in drafts},
    ).select_related("customer", "subscription__customer")
    every = list(rows)
    charges = waiting_charges(project, every)
    wanted = {draft.pk for draft in drafts}
    coming = computed(project, every, bound=None, charges=charges)
    found = [one for one in _expected(project, coming) if one.invoice.pk in wanted]
    # What was issued while it was computed here may have been computed from half of the facts.
    still = Invoice.objects.filter(pk__in=wanted, status=Invoice.Status.DRAFT)
    standing = set(still.values_list("pk", flat=True))
    return [one for one in found if one.invoice.pk in standing]


def _issued(project: Project, invoices: Sequence[Invoice]) -> list[Document]:
    if not invoices:
        return []
    pks = [row.pk for row in invoices]
    lines = _by_invoice(InvoiceLine.objects.filter(project=project, invoice__in=pks))
    discounts = _by_invoice(InvoiceDiscount.objects.filter(project=project, invoice__in=pks))
    taxes = _by_invoice(InvoiceTax.objects.filter(project=project, invoice__in=pks))
    found = settlements(project, [row.document for row in invoices])
    return [
        Document(
            row,
            _content(row, lines[row.pk], discounts[row.pk], taxes[row.pk]),
            found.get(row.document, Settlement()),
        )
        for row in invoices
    ]


def _by_invoice(rows: QuerySet[R]) -> dict[int, list[R]]:
    found: dict[int, list[R]] = defaultdict(list)
    for row in rows.select_related("transfer__debit_account").order_by("invoice", "position"):
        found[row.invoice_id].append(row)
    return found


def _content(
    invoice: Invoice,
    lines: Sequence[InvoiceLine],
    discounts: Sequence[InvoiceDiscount],
    taxes: Sequence[InvoiceTax],
) -> dict[str, Any]:
    """What was issued, read from rows and the ledger, in the form that is hashed."""
    currency = invoice.currency
    amounts = {line.line_key: line_amount(line, currency) for line in lines}
    off = [_discount(row) for row in discounts]
    net = {key: amount.minor for key, amount in amounts.items()}
    for one in off:
        net[one.line] -= one.amount_minor
    put = _taxes(taxes, net)
    total = sum(net.values()) + sum(tax.amount_minor for tax in put)
    return invoice_content(
        customer=invoice.customer.external_id,
        subscription=invoice.subscription.external_id if invoice.subscription else "",
        currency=currency,
        period=Interval(invoice.period_start, invoice.period_end),
        lines=[_shown_line(line, amounts[line.line_key]) for line in lines],
        discounts=discount_content(off, currency),
        taxes=[tax.content(currency) for tax in put],
        total=Money(total, currency),
    )


def _discount(row: InvoiceDiscount) -> Discount:
    return Discount(coupon_of(row), row.line_key, row.unit, discount_amount(row))


def _taxes(rows: Sequence[InvoiceTax], net: Mapping[str, int]) -> list[Tax]:
    by_place: dict[int, list[InvoiceTax]] = defaultdict(list)
    for row in rows:
        by_place[row.tax].append(row)
    return [
        Tax(
            TaxRateFact(
                code=first.rate,
                name=first.name,
                rate_percent=Decimal(first.rate_percent),
                inclusive=first.inclusive,
                country=first.country,
            ),
            first.reason or None,  # type: ignore[arg-type]
            tuple((row.line_key, net[row.line_key], tax_amount(row)) for row in several),
        )
        for _, several in sorted(by_place.items())
        for first in several[:1]
    ]


def _shown_line(line: InvoiceLine, amount: Money) -> dict[str, Any]:
    corrects = {"invoice": line.corrects_invoice, "line": line.corrects_line}
    return line_content(
        key=line.line_key,
        kind=line.kind,
        price=line.price,
        description=line.description,
        period=Interval(line.period_start, line.period_end),
        quantity=line.quantity,
        unit_amount=line.unit_amount or None,
        amount=amount,
        corrects=corrects if line.corrects_line else None,
        evidence=json.loads(line.evidence),
    )
