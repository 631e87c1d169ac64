"""What documents contain: drafts and previews as they would be issued now, issued ones as rebuilt
from raw usage.

All of them go through `compute_invoice`; what differs is only whether the document is stored, and
what it knew.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from billing.models import Charge, Invoice, Period, Subscription
from billing.rating.facts import InvoiceFacts, PeriodFacts
from billing.rating.invoice import InvoiceContent, compute_invoice
from billing.rating.terms import Terms
from billing.selectors.adjustments import AdjustmentBook, known_adjustments
from billing.selectors.corrections import (
    NO_CORRECTIONS,
    Corrections,
    issued_corrections,
    pending_corrections,
)
from billing.selectors.facts import (
    Boundary,
    UsageSource,
    boundary_facts,
    charge_invoice_facts,
    correction_invoice_facts,
)
from billing.selectors.timelines import timelines_of
from ingest.selectors.bounds import ArrivalBound
from neruba.ids import new_id
from neruba.models import Project


@dataclass(frozen=True, slots=True)
class Computed:
    """A document with its computed content, and the number of changes that its timeline knew."""

    invoice: Invoice
    content: InvoiceContent
    charges: tuple[Charge, ...]
    known_changes: int


def draft_of_boundary(
    *,
    project: Project,
    subscription: Subscription,
    terms: Terms,
    number: int,
    ended: PeriodFacts | None,
    begun: PeriodFacts | None,
    created_at: datetime,
) -> Invoice:
    """The draft, not yet stored, of a boundary.

    It is finalised after the grace of the period that ended, at the boundary itself where nothing
    on it is usage.
    """
    shown = ended or begun
    assert shown is not None, "a boundary ends or begins a period"
    at = ended.period.end if ended is not None else terms.start
    waits = terms.has_usage_at(number)
    return Invoice(
        project=project,
        public_id=new_id("inv"),
        operation_key=subscription.boundary_key(number),
        reason=Invoice.Reason.SUBSCRIPTION,
        customer=subscription.customer,
        subscription=subscription,
        boundary=number,
        currency=terms.currency,
        boundary_at=at,
        due_at=at + ended.policy.grace if ended is not None and waits else at,
        period_start=shown.period.start,
        period_end=shown.period.end,
        created_at=created_at,
    )


def draft_of_charge(*, project: Project, charge: Charge, created_at: datetime) -> Invoice:
    """The draft, not yet stored, of an invoice for one charge."""
    return Invoice(
        project=project,
        public_id=new_id("inv"),
        operation_key=f"charge:{charge.charge_key}",
        reason=Invoice.Reason.CHARGE,
        customer=charge.customer,
        currency=charge.currency,
        boundary_at=charge.effective_at,
        due_at=charge.effective_at,
        period_start=charge.effective_at,
        period_end=charge.effective_at,
        created_at=created_at,
    )


def draft_of_corrections(
    *, project: Project, periods: Sequence[Period], occurrence: int, created_at: datetime
) -> Invoice:
    """The draft, not yet stored, of an invoice for nothing but late usage of these periods, of one
    subscription that has ended.
    """
    subscription, end = periods[0].subscription, periods[-1].end
    return Invoice(
        project=project,
        public_id=new_id("inv"),
        operation_key=f"late:{subscription.external_id}:{occurrence}",
        reason=Invoice.Reason.CORRECTION,
        customer=subscription.customer,
        subscription=subscription,
        currency=subscription.currency,
        boundary_at=end,
        due_at=end,
        period_start=min(period.start for period in periods),
        period_end=end,
        created_at=created_at,
    )


def waiting_charges(project: Project, drafts: Sequence[Invoice]) -> dict[int, list[Charge]]:
    """The charges that these drafts take, by index: each goes on the first draft of its customer
    and currency whose boundary is not before it.
    """
    rows = Charge.objects.filter(
        project=project,
        customer__in={draft.customer_id for draft in drafts},
        due_at__isnull=False,
        invoice_now=False,
    ).order_by("effective_at", "charge_key")
    by_customer: dict[tuple[int, str], list[Charge]] = {}
    for row in rows:
        by_customer.setdefault((row.customer_id, row.currency), []).append(row)
    if not by_customer:
        return {}
    taken: dict[int, list[Charge]] = {}
    for index in sorted(range(len(drafts)), key=lambda i: order_of(drafts[i])):
        draft = drafts[index]
        if draft.reason != Invoice.Reason.SUBSCRIPTION:
            continue
        waiting = by_customer.get((draft.customer_id, draft.currency), [])
        mine = [charge for charge in waiting if charge.effective_at <= draft.boundary_at]
        if mine:
            taken[index] = mine
            by_customer[draft.customer_id, draft.currency] = waiting[len(mine) :]
    return taken


def computed(
    project: Project,
    invoices: Sequence[Invoice],
    *,
    bound: ArrivalBound | None,
    charges: Mapping[int, Sequence[Charge]],
    source: UsageSource = "windows",
    as_known: bool = False,
) -> list[Computed]:
    """Compute the content of documents, in their order; `charges` by index.

    With `as_known` each document is computed as it was issued, from the timeline and the
    corrections that it knew (one document a call then for each boundary of a subscription).
    """
    facts = _uncorrected(
        project, invoices, bound=bound, charges=charges, source=source, as_known=as_known
    )
    subscriptions = {row.subscription for row in invoices if row.subscription is not None}
    issued: Mapping[int, Corrections] = {}
    pending: dict[int, Corrections] = {}
    if as_known:
        assert bound is not None, "an issued document has the bound that it was issued with"
        issued = issued_corrections(project, invoices, bound=bound, source=source)
    else:
        pending = pending_corrections(project, subscriptions, bound=bound)
    book = None
    if not as_known:
        taken = [charge for several in charges.values() for charge in several]
        book = AdjustmentBook(project, invoices, [mine for mine, _ in facts], taken)
    answer: dict[int, Computed] = {}
    # In the order of their numbers: what one document corrects, the next need not.
    for index in sorted(range(len(invoices)), key=lambda i: order_of(invoices[i])):
        invoice, (mine, changes) = invoices[index], facts[index]
        if book is None:
            again = issued.get(invoice.pk, NO_CORRECTIONS)
            known = known_adjustments(project, invoice, mine)
        else:
            again = pending.get(invoice.subscription_id or 0, NO_CORRECTIONS)
            known = book.of(invoice, mine)
        content = compute_invoice(again.put_in(known.put_in(mine)))
        if book is not None:
            book.note(invoice, content)
            if invoice.subscription_id in pending:
                pending[invoice.subscription_id] = again.after(content)
        answer[index] = Computed(invoice, content, tuple(charges.get(index, ())), changes)
    return [answer[index] for index in range(len(invoices))]


def order_of(invoice: Invoice) -> tuple[datetime, datetime, str]:
    """The order in which documents are issued, and those that are issued together are computed and
    get their numbers: what waits for late usage comes after what does not.
    """
    return invoice.due_at, invoice.boundary_at, invoice.operation_key


def _uncorrected(
    project: Project,
    invoices: Sequence[Invoice],
    *,
    bound: ArrivalBound | None,
    charges: Mapping[int, Sequence[Charge]],
    source: UsageSource,
    as_known: bool,
) -> list[tuple[InvoiceFacts, int]]:
    """The facts of each document but its corrections, and how many changes its timeline knew."""
    places = [i for i, invoice in enumerate(invoices) if invoice.boundary is not None]
    boundaries = []
    for index in places:
        invoice = invoices[index]
        assert invoice.subscription is not None
        assert invoice.boundary is not None
        known = invoice.known_changes if as_known else None
        boundaries.append(Boundary(invoice.subscription, invoice.boundary, known))
    found = boundary_facts(
        project,
        boundaries,
        bound=bound,
        source=source,
        charges={place: charges.get(index, ()) for place, index in enumerate(places)},
    )
    by_place = dict(zip(places, found, strict=True))
    alone = [row for row in invoices if row.reason == Invoice.Reason.CORRECTION]
    timelines = timelines_of(project, {row.subscription_id for row in alone if row.subscription_id})
    answer: list[tuple[InvoiceFacts, int]] = []
    for index, invoice in enumerate(invoices):
        if index in by_place:
            answer.append((by_place[index].facts, by_place[index].known_changes))
        elif invoice.subscription_id is not None:
            timeline = timelines[invoice.subscription_id]
            answer.append((correction_invoice_facts(invoice, timeline.terms), timeline.changes))
        else:
            answer.append((charge_invoice_facts(invoice.customer, charges[index][0]), 0))
    return answer
