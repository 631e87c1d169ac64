"""What documents contain: drafts and previews as they would be issued now, issued ones as rebuilt
from raw usage.

All of them go through `compute_invoice`; what differs is only whether the document is stored, and
what it knew.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from billing.models import Charge, Invoice, Subscription
from billing.rating.facts import PeriodFacts
from billing.rating.invoice import InvoiceContent, compute_invoice
from billing.rating.terms import Terms
from billing.selectors.facts import (
    Boundary,
    UsageSource,
    boundary_facts,
    charge_invoice_facts,
)
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
    waits = ended is not None and terms.has_usage
    return Invoice(
        project=project,
        public_id=new_id("inv"),
        operation_key=f"period:{subscription.external_id}:{number}:1",
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
    order = sorted(
        range(len(drafts)), key=lambda i: (drafts[i].boundary_at, drafts[i].operation_key)
    )
    for index in order:
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

    With `as_known` each subscription's timeline is taken as far as its document knew it (one
    document a call then for each subscription).
    """
    places = [i for i, invoice in enumerate(invoices) if invoice.subscription is not None]
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
    answer = []
    for index, invoice in enumerate(invoices):
        mine = tuple(charges.get(index, ()))
        if index in by_place:
            facts, changes = by_place[index].facts, by_place[index].known_changes
        else:
            facts, changes = charge_invoice_facts(invoice.customer, mine[0]), 0
        answer.append(Computed(invoice, compute_invoice(facts), mine, changes))
    return answer
