"""Documents as they are shown: issued ones read from rows and ledger, drafts computed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from billing.models import Invoice, InvoiceLine
from billing.rating.invoice import invoice_content
from billing.rating.lines import line_content
from billing.selectors.amounts import line_amount
from billing.selectors.contents import Computed, computed, waiting_charges
from billing.selectors.credits import expected_settlements
from ledger.selectors.settlements import Settlement, settlements
from neruba.canonical import sha256_hex
from neruba.models import Project
from neruba.money import Money
from neruba.period import Interval

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
    total: Money
    settlement: Settlement
    numbers: Mapping[str, str] = field(default_factory=dict)

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
        Document(one.invoice, one.content.content(), one.content.total, settled[index])
        for index, one in enumerate(found)
    ]


def document_of_computed(one: Computed) -> Document:
    """A document that is not issued; without the numbers of what it corrects, and what it draws."""
    total = one.content.total
    return Document(one.invoice, one.content.content(), total, Settlement(total.minor))


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
    lines: dict[int, list[InvoiceLine]] = {row.pk: [] for row in invoices}
    for line in (
        InvoiceLine.objects.filter(project=project, invoice__in=lines)
        .select_related("transfer__debit_account")
        .order_by("invoice", "position")
    ):
        lines[line.invoice_id].append(line)
    found = settlements(project, [row.document for row in invoices])
    return [
        _issued_document(row, lines[row.pk], found.get(row.document, Settlement()))
        for row in invoices
    ]


def _issued_document(
    invoice: Invoice, lines: Sequence[InvoiceLine], settlement: Settlement
) -> Document:
    amounts = [line_amount(line, invoice.currency) for line in lines]
    total = Money(sum(amount.minor for amount in amounts), invoice.currency)
    content = invoice_content(
        customer=invoice.customer.external_id,
        subscription=invoice.subscription.external_id if invoice.subscription else "",
        currency=invoice.currency,
        period=Interval(invoice.period_start, invoice.period_end),
        lines=[_shown_line(line, amount) for line, amount in zip(lines, amounts, strict=True)],
        total=total,
    )
    return Document(invoice, content, total, settlement)


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
