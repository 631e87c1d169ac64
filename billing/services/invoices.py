"""Issuing invoices: lines, posting, hashes, status, and as the last statement the numbers, in one
transaction.
"""

import secrets
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection

from billing.models import (
    BillingRun,
    Charge,
    Invoice,
    InvoiceParty,
    Period,
    Subscription,
)
from billing.rating.adjustments import Adjustments
from billing.rating.composition import Composition
from billing.rating.document import document_hash
from billing.rating.lines import discount_name, tax_name
from billing.selectors.contents import (
    Computed,
    computed,
    draft_of_boundary,
    draft_of_charge,
    draft_of_corrections,
    order_of,
    waiting_charges,
)
from billing.selectors.credits import credit_postings, drawing_of, settled_minor
from billing.selectors.late_periods import corrections_alone, late_periods
from billing.selectors.timelines import (
    PERIOD_COLUMNS,
    Turn,
    period_row,
    stored_periods,
    timelines_of,
    turn_at,
    turn_keys,
)
from billing.services.late import settle
from billing.services.lines import store_lines
from billing.services.numbers import INVOICES, take_numbers
from ingest.selectors.bounds import ArrivalBound
from ledger.services.journal import post_lines
from ledger.templates import OperationKey, Posting
from ledger.templates.invoices import BilledLine, invoice_moves
from neruba.canonical import canonical_json, sha256_hex
from neruba.inserts import insert_rows, insert_rows_for_ids
from neruba.models import Customer, Project
from neruba.updates import update_rows

ISSUE = "invoice.issue"
DRAFT_COLUMNS = (
    *("project_id", "public_id", "operation_key", "reason", "customer_id", "subscription_id"),
    *("boundary", "currency", "status", "boundary_at", "due_at", "period_start", "period_end"),
    *("created_at", "bound_event", "bound_retraction", "known_changes", "adjustments"),
    *("content_hash", "document_hash", "parties_digest"),
)
# What a document gets when it is issued.
ISSUED_COLUMNS = (
    *("sequence", "status", "run_id", "finalized_at", "payment_due_at"),
    *("bound_event", "bound_retraction", "known_changes", "adjustments"),
    *("content_hash", "document_hash", "parties_digest"),
)


@dataclass(frozen=True, slots=True)
class Finalized:
    """What became of drafts: those issued, and how many came to nothing and are gone."""

    issued: tuple[Invoice, ...]
    totals_minor: Mapping[str, int]
    empty: int


def open_boundaries(
    *, project: Project, subscriptions: Sequence[Subscription], at: datetime
) -> list[Invoice]:
    """Make the draft of each subscription's next boundary, open the period that begins there, and
    move it on.

    The caller holds the customers' locks.
    """
    timelines = timelines_of(project, [row.pk for row in subscriptions])
    stored = stored_periods(
        project,
        {
            key
            for row in subscriptions
            for key in turn_keys(row.pk, timelines[row.pk], row.next_boundary)
        },
    )
    drafts, opened = [], []
    for subscription in subscriptions:
        number, timeline = subscription.next_boundary, timelines[subscription.pk]
        turn = turn_at(project, timeline, number, subscription=subscription.pk, stored=stored)
        opened += [
            period_row(project, subscription.pk, turn.terms, one) for one in turn.begun.values()
        ]
        _cut_periods(subscription, turn)
        drafts.append(
            draft_of_boundary(project=project, subscription=subscription, turn=turn, created_at=at)
        )
        subscription.next_boundary = number + 1
        subscription.due_at = timeline.boundary_at(number + 1)
    insert_rows(Period, PERIOD_COLUMNS, opened)
    update_rows(
        Subscription,
        ("next_boundary", "due_at"),
        [(row.pk, row.next_boundary, row.due_at) for row in subscriptions],
    )
    return store_drafts(drafts)


def _cut_periods(subscription: Subscription, turn: Turn) -> None:
    """Say on its row where a period ended, that something ended before its time."""
    for rhythm, facts in turn.ended.items():
        period = facts.period
        if period.whole_end is not None:
            Period.objects.filter(
                project=subscription.project_id,
                subscription=subscription,
                rhythm=rhythm,
                number=period.number,
            ).update(
                end=period.end,
                ends_on=period.ends_on,
                whole_end=period.whole_end,
                whole_ends_on=period.whole_ends_on,
            )


def store_drafts(drafts: list[Invoice]) -> list[Invoice]:
    """Store drafts, which have their ids then; the caller holds the customers' locks."""
    rows = [[getattr(draft, name) for name in DRAFT_COLUMNS] for draft in drafts]
    for draft, pk in zip(drafts, insert_rows_for_ids(Invoice, DRAFT_COLUMNS, rows), strict=True):
        draft.pk = pk
        draft._state.adding, draft._state.db = False, connection.alias  # noqa: SLF001
    return drafts


def issue_charges(
    *,
    project: Project,
    charges: Sequence[Charge],
    bound: ArrivalBound,
    run: BillingRun | None,
    at: datetime,
) -> Finalized:
    """Issue an invoice for each of these charges alone."""
    drafts = [draft_of_charge(project=project, charge=charge, created_at=at) for charge in charges]
    rows = store_drafts(drafts)
    own = {index: [charge] for index, charge in enumerate(charges)}
    return _finalize(project=project, drafts=rows, charges=own, bound=bound, run=run, at=at)


def issue_corrections(
    *,
    project: Project,
    subscriptions: Sequence[Subscription],
    bound: ArrivalBound,
    run: BillingRun | None,
    at: datetime,
) -> Finalized:
    """Issue an invoice of its own for the late usage of each of these subscriptions, which no other
    document will take; none where it comes to nothing or to less.
    """
    periods: dict[int, list[Period]] = {}
    for row in late_periods(project, subscriptions):
        periods.setdefault(row.subscription_id, []).append(row)
    before = corrections_alone(project, periods.keys())
    drafts = [
        draft_of_corrections(
            project=project,
            periods=mine,
            occurrence=before[pk] + 1,
            created_at=at,
        )
        for pk, mine in periods.items()
    ]
    rows = store_drafts(drafts)
    return _finalize(project=project, drafts=rows, charges={}, bound=bound, run=run, at=at)


def finalize_drafts(
    *,
    project: Project,
    drafts: Sequence[Invoice],
    bound: ArrivalBound,
    run: BillingRun | None,
    at: datetime,
) -> Finalized:
    """Issue drafts of subscriptions, with the charges that waited for them.

    `bound` is the place in the order of arrival up to which usage counts; `at` the project's time,
    which becomes the accounting date. The caller holds the customers' locks and has read the drafts
    under them.
    """
    charges = waiting_charges(project, drafts)
    return _finalize(project=project, drafts=drafts, charges=charges, bound=bound, run=run, at=at)


def _finalize(
    *,
    project: Project,
    drafts: Sequence[Invoice],
    charges: Mapping[int, Sequence[Charge]],
    bound: ArrivalBound,
    run: BillingRun | None,
    at: datetime,
) -> Finalized:
    found = computed(project, drafts, bound=bound, charges=charges)
    made = [one for one in found if one.content.is_made]
    empty = [one.invoice.pk for one in found if not one.content.is_made]
    if empty:
        Invoice.objects.filter(pk__in=empty).delete()
    settle(project, found, bound=bound)
    if not made:
        return Finalized((), {}, len(empty))
    made.sort(key=lambda one: order_of(one.invoice))
    postings = [_posting(one, at) for one in made]
    drawn = credit_postings(project, [drawing_of(one, at=at) for one in made])
    posted = post_lines(project=project, postings=[*postings, *drawn.values()], at=at)
    store_lines(project, made, posted[: len(made)])
    _store_parties(project, made)
    _take_charges(made)
    for index, one in enumerate(made):
        invoice = one.invoice
        invoice.run, invoice.finalized_at = run, at
        invoice.payment_due_at = at + timedelta(days=_payment_terms_days(project, one))
        invoice.bound_event, invoice.bound_retraction = bound.event, bound.retraction
        invoice.known_changes = one.known_changes
        composed = one.content.composed
        invoice.adjustments = Adjustments.of(one.content.facts).text(
            is_used=bool(composed.discounts or composed.taxes)
        )
        invoice.content_hash = one.content.content_hash
        is_due = one.content.total.minor != sum(settled_minor(drawn.get(index)))
        invoice.status = Invoice.Status.OPEN if is_due else Invoice.Status.PAID
    _number(project, made, postings)
    totals: dict[str, int] = {}
    for one in made:
        total = one.content.total
        totals[total.currency] = totals.get(total.currency, 0) + total.minor
    return Finalized(tuple(one.invoice for one in made), totals, len(empty))


def _payment_terms_days(project: Project, one: Computed) -> int:
    held = one.content.facts.ended or one.content.facts.begun
    policy = held.policy if held is not None else project.policy
    return policy.payment_terms_days


def _posting(one: Computed, at: datetime) -> Posting:
    facts = one.content.facts
    return Posting(
        key=OperationKey(ISSUE, one.invoice.operation_key),
        moves=invoice_moves(
            _billed(one.content.composed),
            currency=facts.currency,
            party=facts.customer,
            document=one.invoice.document,
        ),
        occurred_at=at,
    )


def _billed(composed: Composition) -> list[BilledLine]:
    """The lines as the books see them."""
    discounts: dict[str, list[tuple[str, int]]] = defaultdict(list)
    for one in composed.discounts:
        name = discount_name(one.line, one.coupon.number)
        discounts[one.line].append((name, one.amount_minor))
    taxes: dict[str, list[tuple[str, str, int]]] = defaultdict(list)
    for place, tax in enumerate(composed.taxes):
        for line, _, minor in tax.parts:
            taxes[line].append((tax_name(line, place), tax.rate.code, minor))
    return [
        BilledLine(
            line.key,
            line.amount_minor,
            line.earned,
            tuple(discounts[line.key]),
            tuple(taxes[line.key]),
        )
        for line in composed.lines
    ]


def _store_parties(project: Project, made: Sequence[Computed]) -> None:
    rows = []
    for one in made:
        content = canonical_json(_parties(project, one.invoice.customer))
        salt = secrets.token_hex(16)
        one.invoice.parties_digest = sha256_hex([salt, content])
        rows.append((one.invoice.pk, salt, content))
    insert_rows(InvoiceParty, ("invoice_id", "salt", "content"), rows)


def _parties(project: Project, customer: Customer) -> dict[str, object]:
    return {
        "from": {"name": project.name},
        "to": {
            "external_id": customer.external_id,
            "name": customer.name,
            "email": customer.email,
            "billing_address": customer.billing_address,
            "tax_ids": customer.tax_ids,
        },
    }


def _take_charges(made: Sequence[Computed]) -> None:
    taken = []
    for one in made:
        for charge in one.charges:
            charge.invoice, charge.due_at = one.invoice, None
            taken.append((charge.pk, charge.invoice_id, charge.due_at))
    update_rows(Charge, ("invoice_id", "due_at"), taken)


def _number(project: Project, made: Sequence[Computed], postings: Sequence[Posting]) -> None:
    """The last statements: until here nothing has waited for another finalising transaction."""
    numbers = take_numbers(project, INVOICES, len(made))
    for one, posting, number in zip(made, postings, numbers, strict=True):
        invoice = one.invoice
        invoice.sequence = number
        invoice.document_hash = document_hash(
            content_hash=invoice.content_hash,
            number=invoice.number,
            finalized_at=invoice.finalized_at,
            due_at=invoice.payment_due_at,
            parties_digest=invoice.parties_digest,
            moves=posting.moves,
        )
    update_rows(
        Invoice,
        ISSUED_COLUMNS,
        [
            [one.invoice.pk, *(getattr(one.invoice, name) for name in ISSUED_COLUMNS)]
            for one in made
        ],
    )
