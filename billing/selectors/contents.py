"""What documents contain: drafts and previews as they would be issued now, issued ones as rebuilt
from raw usage.

All of them go through `compute_invoice`; what differs is only whether the document is stored, and
what it knew.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from billing.models import Charge, Invoice, Period, Subscription, SubscriptionChange
from billing.rating.facts import InvoiceFacts
from billing.rating.invoice import InvoiceContent, compute_invoice
from billing.rating.timeline import Timeline
from billing.selectors.adjustments import AdjustmentBook, known_adjustments
from billing.selectors.changed import FeeBook, Looked, looked_by_change, looked_for_change
from billing.selectors.corrections import (
    NO_CORRECTIONS,
    Corrections,
    issued_corrections,
    pending_corrections,
)
from billing.selectors.facts import (
    Boundary,
    UsageSource,
    alone_facts,
    boundary_facts,
    charge_invoice_facts,
)
from billing.selectors.timelines import Turn, timelines_of
from ingest.selectors.bounds import ArrivalBound
from neruba.ids import new_id
from neruba.models import Project
from neruba.period import Interval


@dataclass(frozen=True, slots=True)
class Computed:
    """A document with its computed content, the number of changes that its timeline knew, and the
    periods, by rhythm and number, whose usage it looked at again.
    """

    invoice: Invoice
    content: InvoiceContent
    charges: tuple[Charge, ...]
    known_changes: int
    looked: frozenset[tuple[str, int]] = frozenset()


def draft_of_boundary(
    *, project: Project, subscription: Subscription, turn: Turn, created_at: datetime
) -> Invoice:
    """The draft, not yet stored, of a boundary.

    It is finalised after the grace of the period that ended, at the boundary itself where nothing
    on it is usage.
    """
    ended, begun = turn.finest
    shown = ended or begun
    waits = ended is not None and turn.waits
    return Invoice(
        project=project,
        public_id=new_id("inv"),
        operation_key=subscription.boundary_key(turn.number),
        reason=Invoice.Reason.SUBSCRIPTION,
        customer=subscription.customer,
        subscription=subscription,
        boundary=turn.number,
        currency=turn.terms.currency,
        boundary_at=turn.at,
        due_at=turn.at + ended.policy.grace if ended is not None and waits else turn.at,
        # One that was canceled before it began has no period at all.
        period_start=turn.at if shown is None else shown.period.start,
        period_end=turn.at if shown is None else shown.period.end,
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


def draft_of_change(
    *, subscription: Subscription, change: SubscriptionChange, running: Interval, at: datetime
) -> Invoice:
    """The draft, not yet stored, of an invoice for nothing but a change that is billed at once:
    when it takes effect, or is asked for after that. `running` is the period in which it does.
    """
    due_at = max(change.effective_at, at)
    return Invoice(
        project=subscription.project,
        public_id=new_id("inv"),
        operation_key=f"change:{subscription.external_id}:{change.number}",
        reason=Invoice.Reason.CHANGE,
        customer=subscription.customer,
        subscription=subscription,
        currency=subscription.currency,
        boundary_at=due_at,
        due_at=due_at,
        period_start=running.start,
        period_end=running.end,
        created_at=at,
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
    fees = FeeBook(
        project,
        _looked(invoices, facts),
        before=dict(enumerate(invoices)) if as_known else None,
    )
    book = None
    if not as_known:
        taken = [charge for several in charges.values() for charge in several]
        book = AdjustmentBook(project, invoices, [mine for mine, _ in facts], taken)
    answer: dict[int, Computed] = {}
    # In the order of their numbers: what one document corrects, the next need not.
    for index in sorted(range(len(invoices)), key=lambda i: order_of(invoices[i])):
        invoice, (mine, timeline) = invoices[index], facts[index]
        mine = fees.put_in(index, mine)
        if book is None:
            again = issued.get(invoice.pk, NO_CORRECTIONS)
            known = known_adjustments(project, invoice, mine)
        else:
            again = pending.get(invoice.subscription_id or 0, NO_CORRECTIONS)
            if invoice.reason == Invoice.Reason.CHANGE:
                again = NO_CORRECTIONS
            known = book.of(invoice, mine)
        content = compute_invoice(again.put_in(known.put_in(mine)))
        if book is not None:
            book.note(invoice, content)
            fees.note(invoice, content)
            if invoice.subscription_id in pending and again is not NO_CORRECTIONS:
                pending[invoice.subscription_id] = again.after(content)
        changes = 0 if timeline is None else timeline.changes
        mine_charges = tuple(charges.get(index, ()))
        answer[index] = Computed(invoice, content, mine_charges, changes, again.periods)
    return [answer[index] for index in range(len(invoices))]


def order_of(invoice: Invoice) -> tuple[datetime, datetime, bool, str]:
    """The order in which documents are issued, and those that are issued together are computed and
    get their numbers: what waits for late usage comes after what does not, and a change that is
    billed at once after the boundary at its instant, with which it is compared.
    """
    is_change = invoice.reason == Invoice.Reason.CHANGE
    return invoice.due_at, invoice.boundary_at, is_change, invoice.operation_key


def _uncorrected(
    project: Project,
    invoices: Sequence[Invoice],
    *,
    bound: ArrivalBound | None,
    charges: Mapping[int, Sequence[Charge]],
    source: UsageSource,
    as_known: bool,
) -> list[tuple[InvoiceFacts, Timeline | None]]:
    """The facts of each document but its corrections, and the timeline that it knew."""
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
    alone = [row for row in invoices if row.boundary is None and row.subscription_id is not None]
    known_changes = {row.subscription_id: row.known_changes for row in alone if as_known}
    timelines = timelines_of(
        project,
        {row.subscription_id for row in alone if row.subscription_id},
        known={pk: number for pk, number in known_changes.items() if pk} or None,
    )
    answer: list[tuple[InvoiceFacts, Timeline | None]] = []
    for index, invoice in enumerate(invoices):
        if index in by_place:
            answer.append((by_place[index].facts, by_place[index].timeline))
        elif invoice.subscription_id is not None:
            timeline = timelines[invoice.subscription_id]
            terms = timeline.terms_at(invoice.boundary_at)
            answer.append((alone_facts(invoice, terms), timeline))
        else:
            answer.append((charge_invoice_facts(invoice.customer, charges[index][0]), None))
    return answer


def _looked(
    invoices: Sequence[Invoice], facts: Sequence[tuple[InvoiceFacts, Timeline | None]]
) -> dict[int, Looked]:
    """Where each document looks for what changed, by index; the others are left out."""
    found: dict[int, Looked] = {}
    for index, (invoice, (_, timeline)) in enumerate(zip(invoices, facts, strict=True)):
        looked = None
        if timeline is None or timeline.is_plain:
            continue
        if invoice.reason == Invoice.Reason.CHANGE:
            looked = looked_by_change(invoice, timeline)
        elif invoice.boundary:
            looked = looked_for_change(invoice, timeline, invoice.boundary_at)
        if looked is not None:
            found[index] = looked
    return found
