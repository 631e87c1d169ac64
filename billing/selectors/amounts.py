"""Amounts of lines: they are in the ledger."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from django.db.models import QuerySet, Sum

from billing.models import (
    CreditNote,
    CreditNoteLine,
    Invoice,
    InvoiceDiscount,
    InvoiceLine,
    InvoiceTax,
)
from billing.rating.deferral import earned_minor
from billing.rating.lines import discount_name
from billing.rating.lowered import CreditedAmount, Place, lowered_places
from ledger.selectors.journal import transfers_of_documents
from ledger.selectors.settlements import CREDIT_NOTE
from ledger.templates.invoices import Deferral
from ledger.templates.keys import DEFERRED, RECEIVABLE, REVENUE_FEES, TAX
from neruba.models import Project
from neruba.money import Money, allocate
from neruba.period import Interval

Root = tuple[str, str]  # a line: the operation key of its invoice, and its own key
A = TypeVar("A", InvoiceDiscount, InvoiceTax, InvoiceLine)


def line_amount(line: InvoiceLine, currency: str) -> Money:
    """The amount of a line: that of its transfer, negative where it leaves the receivable; zero
    without one.
    """
    return Money(_signed(line), currency)


def discount_amount(discount: InvoiceDiscount) -> int:
    """What a discount takes off, in minor units; negative where a correction takes it back."""
    return -_signed(discount)


def tax_amount(tax: InvoiceTax) -> int:
    """What a rate puts on a line, in minor units; negative on one below zero."""
    return _signed(tax)


def _signed(row: InvoiceLine | InvoiceDiscount | InvoiceTax) -> int:
    """How much its transfer puts on the receivable, or takes from it."""
    if row.transfer is None:
        return 0
    sign = 1 if row.transfer.debit_account.code == RECEIVABLE else -1
    return sign * row.transfer.amount_minor


def lines_of(invoice: Invoice) -> list[InvoiceLine]:
    """The lines of an issued invoice in their order, with what their amounts need."""
    rows = InvoiceLine.objects.filter(project=invoice.project_id, invoice=invoice)
    loaded = rows.select_related("transfer__debit_account", "transfer__credit_account")
    return list(loaded.order_by("position"))


def printed_totals(invoices: Collection[Invoice]) -> dict[int, int]:
    """The sum of all that is printed on each of these invoices, lines less discounts with tax, by
    pk, in minor units. Added by the database.
    """
    found = dict.fromkeys((row.pk for row in invoices), 0)
    for model in (InvoiceLine, InvoiceDiscount, InvoiceTax):
        rows = model.objects.filter(invoice__in=found, transfer__isnull=False)
        grouped = rows.order_by().values_list("invoice_id", "transfer__debit_account__code")
        for pk, code, total in grouped.annotate(total=Sum("transfer__amount_minor")):
            found[pk] += total if code == RECEIVABLE else -total
    return found


@dataclass(frozen=True, slots=True)
class IssuedLine:
    """A line of an issued invoice with what is left of it. Minor units.

    `net_minor` is its amount less discounts, `taxes` what each rate put on it; `back_minor` and
    `taxes_back` what was given back of these: by credit notes that stand, and by corrections on
    later invoices that lowered it.
    """

    line: InvoiceLine
    net_minor: int
    taxes: Mapping[str, int]
    back_minor: int
    taxes_back: Mapping[str, int]

    @property
    def left_minor(self) -> int:
        """What can still be given back of it, net."""
        return max(0, self.net_minor - self.back_minor)

    @property
    def taxes_left(self) -> dict[str, int]:
        """What can still be given back of its taxes, by rate."""
        if self.net_minor <= 0:
            return {}
        return {
            rate: max(0, minor - self.taxes_back.get(rate, 0)) for rate, minor in self.taxes.items()
        }

    @property
    def gross_left_minor(self) -> int:
        """What can still be given back of it with its tax."""
        return self.left_minor + sum(self.taxes_left.values())

    def taxes_on(self, credited_minor: int) -> tuple[tuple[str, int], ...]:
        """The tax that goes back with so much of the net, by rate: in proportion, cumulative by
        subtraction, so that all of it goes back with the last of the net, or alone after that.
        """
        if not self.left_minor:
            return tuple(self.taxes_left.items())
        if not credited_minor:
            return ()
        back = min(self.back_minor + credited_minor, self.net_minor)
        answer = []
        for rate, left in self.taxes_left.items():
            due = allocate(self.taxes[rate], [back, self.net_minor - back])[0]
            minor = min(max(0, due - self.taxes_back.get(rate, 0)), left)
            answer.append((rate, left if credited_minor == self.left_minor else minor))
        return tuple(answer)

    def parts_of(self, gross_minor: int) -> tuple[int, tuple[tuple[str, int], ...]]:
        """The net and the taxes, by rate, of an amount with tax, at most what is left of it."""
        taxes = self.taxes_left
        net, *parts = allocate(gross_minor, [self.left_minor, *taxes.values()])
        return net, tuple(zip(taxes, parts, strict=True))


def issued_lines(invoice: Invoice) -> list[IssuedLine]:
    """The lines of an issued invoice in their order, with what is left of them; a constant number
    of queries.
    """
    lines = lines_of(invoice)
    amounts = _net_and_taxes(invoice.project_id, lines)
    back, taxes_back = _given_back(invoice, lines)
    return [
        IssuedLine(
            line,
            amounts[line.pk].net_minor,
            amounts[line.pk].taxes,
            back[line.line_key],
            taxes_back[line.line_key],
        )
        for line in lines
    ]


def gross_of_lines(project: Project, lines: Sequence[InvoiceLine]) -> dict[int, int]:
    """What each of these lines came to less discounts and with tax, by pk, in minor units; their
    transfers should be loaded.
    """
    found = _net_and_taxes(project.pk, lines)
    return {pk: one.net_minor + one.tax_minor for pk, one in found.items()}


def _with_transfer(rows: QuerySet[A]) -> QuerySet[A]:
    return rows.select_related("transfer__debit_account")


def credited_amounts(
    project: Project, notes: Collection[CreditNote]
) -> dict[int, dict[str, CreditedAmount]]:
    """What these credit notes give back of each line, by note and line key: the sums of the
    transfers that name them.
    """
    by_object = {note.operation_key: note.pk for note in notes}
    documents = {note.invoice.document for note in notes}
    found: dict[int, dict[str, CreditedAmount]] = {note.pk: {} for note in notes}
    rows = transfers_of_documents(project, documents).filter(
        entry__kind=CREDIT_NOTE, entry__object__in=by_object
    )
    for row in rows:
        if row.credit_account.code != RECEIVABLE:
            continue
        lines = found[by_object[row.entry.object]]
        one = lines.get(row.line, CreditedAmount())
        if row.debit_account.code == TAX:
            rate = row.debit_account.sub
            taxes = {**one.taxes, rate: one.taxes.get(rate, 0) + row.amount_minor}
            lines[row.line] = replace(one, taxes=taxes)
        else:
            lines[row.line] = replace(one, net_minor=one.net_minor + row.amount_minor)
    return found


def _given_back(
    invoice: Invoice, lines: Sequence[InvoiceLine]
) -> tuple[dict[str, int], dict[str, dict[str, int]]]:
    """What was given back of these lines, by line key: net, and of each tax."""
    net: dict[str, int] = defaultdict(int)
    taxes: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    notes = list(
        CreditNote.objects.filter(invoice=invoice, status=CreditNote.Status.ISSUED).select_related(
            "invoice"
        )
    )
    amounts = credited_amounts(invoice.project, notes)
    keys = {line.pk: line.line_key for line in lines}
    for row in CreditNoteLine.objects.filter(credit_note__in=notes):
        one = amounts[row.credit_note_id].get(row.key, CreditedAmount())
        net[keys[row.invoice_line_id]] += one.net_minor
        for rate, minor in one.taxes.items():
            taxes[keys[row.invoice_line_id]][rate] += minor
    roots = {line.line_key: _root(line, invoice.operation_key) for line in lines}
    for root, lowered in _lowered(invoice, set(roots.values())).items():
        for line in lines:
            place = (invoice.pk, line.line_key) if line.corrects_line else None
            if roots[line.line_key] == root and place in lowered:
                net[line.line_key] += lowered[place].net_minor
                for rate, minor in lowered[place].taxes.items():
                    taxes[line.line_key][rate] += minor
    return net, taxes


def _root(line: InvoiceLine, operation_key: str) -> Root:
    """The line that this one is, or corrects: its invoice and its key."""
    if line.corrects_line:
        return line.corrects_invoice, line.corrects_line
    return operation_key, line.line_key


def _lowered(invoice: Invoice, roots: Collection[Root]) -> dict[Root, dict[Place, CreditedAmount]]:
    """What corrections that lower a line took back of it and of the corrections that had raised it,
    the latest of these first: so that no part of the line can be given back twice.

    By root, then by the correction that was lowered; None is the line itself.
    """
    rows = InvoiceLine.objects.filter(
        project=invoice.project_id,
        corrects_invoice__in={name for name, _ in roots},
        corrects_line__in={key for _, key in roots},
    ).exclude(invoice__status=Invoice.Status.VOID)
    lines: dict[Root, list[InvoiceLine]] = defaultdict(list)
    for line in _with_transfer(rows.order_by("invoice__sequence")):
        if (root := _root(line, "")) in roots:
            lines[root].append(line)
    amounts = _net_and_taxes(
        invoice.project_id, [line for several in lines.values() for line in several]
    )
    return {
        root: lowered_places(
            [((line.invoice_id, line.line_key), amounts[line.pk]) for line in several]
        )
        for root, several in lines.items()
    }


def _net_and_taxes(project_id: int, lines: Sequence[InvoiceLine]) -> dict[int, CreditedAmount]:
    """What these lines came to less discounts, and each tax on them, by pk, in minor units; their
    transfers should be loaded. Two queries.
    """
    net = {line.pk: _signed(line) for line in lines}
    taxes: dict[int, dict[str, int]] = defaultdict(dict)
    by_key = {(line.invoice_id, line.line_key): line.pk for line in lines}
    mine = {"project": project_id, "invoice__in": {line.invoice_id for line in lines}}
    for discount in _with_transfer(InvoiceDiscount.objects.filter(**mine)) if lines else ():
        if pk := by_key.get((discount.invoice_id, discount.line_key)):
            net[pk] -= discount_amount(discount)
    for tax in _with_transfer(InvoiceTax.objects.filter(**mine)) if lines else ():
        if pk := by_key.get((tax.invoice_id, tax.line_key)):
            taxes[pk][tax.rate] = taxes[pk].get(tax.rate, 0) + tax_amount(tax)
    return {pk: CreditedAmount(minor, taxes[pk]) for pk, minor in net.items()}


def deferrals(
    invoice: Invoice, lines: Sequence[InvoiceLine], *, at: datetime
) -> dict[int, Deferral]:
    """What is deferred of those of these lines that were billed ahead, by pk; the others are left
    out, and so is a credit of a change: it lowers what is deferred of the line that it corrects.
    """
    keys = {row.key: row.invoice_line.line_key for row in _note_lines(invoice)}
    keys |= {
        discount_name(row.line_key, row.number): row.line_key
        for row in InvoiceDiscount.objects.filter(invoice=invoice)
    }
    own: dict[str, int] = defaultdict(int)
    recognised: dict[str, int] = defaultdict(int)
    for row in transfers_of_documents(invoice.project, [invoice.document]):
        line = keys.get(row.line, row.line)
        for account, other, sign in (
            (row.credit_account, row.debit_account, 1),
            (row.debit_account, row.credit_account, -1),
        ):
            if account.code == DEFERRED:
                own[line] += sign * row.amount_minor
                if other.code == REVENUE_FEES:
                    recognised[line] -= sign * row.amount_minor
    ahead = [line for line in lines if line.line_key in own and not line.corrects_line]
    taken = _taken_back(invoice, ahead)
    return {
        line.pk: _deferral(
            invoice,
            line,
            own[line.line_key],
            recognised[line.line_key],
            taken.get(line.line_key, ()),
            at=at,
        )
        for line in ahead
    }


def _taken_back(
    invoice: Invoice, lines: Sequence[InvoiceLine]
) -> dict[str, list[tuple[Interval, int]]]:
    """What later invoices that stand took back of what is deferred of these lines, by key: the part
    of time, and how much in minor units.
    """
    found: dict[str, list[tuple[Interval, int]]] = defaultdict(list)
    if not lines:
        return found
    rows = InvoiceLine.objects.filter(
        project=invoice.project_id,
        corrects_invoice=invoice.operation_key,
        corrects_line__in={line.line_key for line in lines},
        transfer__debit_account__code=DEFERRED,
    ).exclude(invoice__status=Invoice.Status.VOID)
    for row in rows.select_related("transfer").order_by("invoice__sequence", "position"):
        assert row.transfer is not None
        part = Interval(row.period_start, row.period_end)
        found[row.corrects_line].append((part, row.transfer.amount_minor))
    return found


def _deferral(
    invoice: Invoice,
    line: InvoiceLine,
    own: int,
    recognised: int,
    taken: Sequence[tuple[Interval, int]],
    *,
    at: datetime,
) -> Deferral:
    """`own` is what stands deferred by the line's own document, before what others have `taken`
    back: of the part of time that each of them names nothing is earned any more.
    """
    zone = invoice.project.timezone
    period = Interval(line.period_start, line.period_end)
    earned = earned_minor(own + recognised, period, at=at, zone=zone)
    earned -= sum(earned_minor(minor, part, at=at, zone=zone) for part, minor in taken)
    standing = own - sum(minor for _, minor in taken)
    return Deferral(line.line_key, standing, min(max(earned - recognised, 0), standing))


def _note_lines(invoice: Invoice) -> list[CreditNoteLine]:
    rows = CreditNoteLine.objects.filter(credit_note__invoice=invoice)
    return list(rows.select_related("invoice_line"))
