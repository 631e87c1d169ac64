"""The timeline of a subscription as a table: what was decided, when it counts, what billed it."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from django.utils.html import format_html
from django.utils.safestring import SafeString

from billing.admin.tariff import lines_of
from billing.models import Invoice, Subscription, SubscriptionChange
from billing.rating.change_words import changes_in_words, invoice_in_words, proration_in_words
from billing.rating.decisions import Decision
from billing.rating.timeline import Timeline
from billing.services.changes import change_key
from neruba.admin.page import Table, instant, label, link_to, list_of, local_time, whole

CHANGES_SHOWN = 100
INVOICES_READ = 400
STATES = {
    "scheduled": ("scheduled", "info"),
    "in_force": ("in force", "success"),
    "past": ("past", "plain"),
    "withdrawn": ("withdrawn", "warning"),
}


def decision_of(row: SubscriptionChange) -> Decision:
    return Decision(row.number, row.type, row.effective_at, row.requested_at, row.content)


def timeline_table(
    subscription: Subscription,
    timeline: Timeline,
    changes: Sequence[SubscriptionChange],
    at: datetime,
) -> Table:
    """One row for each change, in the order in which they take effect. The versions of plans should
    be loaded.
    """
    zone = timeline.terms_at(at).zone
    decisions = {row.number: decision_of(row) for row in changes}
    words = changes_in_words(timeline, decisions)
    states = timeline.states_of_decisions(at)
    bills = _billed_by(subscription, changes[-CHANGES_SHOWN:], states)
    shown = sorted(changes[-CHANGES_SHOWN:], key=_place)
    return Table(
        title=f"Timeline ({zone})",
        columns=("No.", "What", "State", "Effective", "Fees, invoice", "Billed by", "Asked, why"),
        rows=[
            (
                row.number,
                _what(row, words[row.number]),
                _state(row, states),
                time_of(row.effective_at, zone),
                _how(decisions[row.number]),
                bills.get(row.number) or "–",
                _asked(row, zone),
            )
            for row in shown
        ],
        empty="",
        numeric=(),
        more=list_of(SubscriptionChange, "all of them", subscription__id__exact=subscription.pk),
        anchor="timeline",
    )


def time_of(at: datetime, zone: str) -> SafeString:
    """A reading of the subscription's clock, which says the instant to who asks."""
    return format_html(
        '<time class="n-whole" datetime="{}" title="{}">{}</time>',
        at.isoformat(),
        instant(at),
        local_time(at, zone),
    )


def _place(row: SubscriptionChange) -> tuple[bool, datetime, int]:
    return row.type != SubscriptionChange.Type.CREATE, row.effective_at, row.number


def _what(row: SubscriptionChange, words: Sequence[str]) -> SafeString:
    """The words, of which the first leads to the version of a plan that it took."""
    first, *others = words
    head = first if row.plan_version is None else link_to(row.plan_version, first)
    return lines_of([head, *others])


def _state(row: SubscriptionChange, states: Mapping[int, str]) -> str:
    if row.type == SubscriptionChange.Type.WITHDRAW:
        return ""
    return label(*STATES[states.get(row.number, "withdrawn")])


def _how(decision: Decision) -> SafeString | str:
    words = [proration_in_words(decision), invoice_in_words(decision)]
    return lines_of([one for one in words if one]) or "–"


def _asked(row: SubscriptionChange, zone: str) -> SafeString:
    said = [format_html("{} by {}", time_of(row.requested_at, zone), row.actor)]
    return lines_of(said + ([row.reason] if row.reason else []))


def _billed_by(
    subscription: Subscription, changes: Sequence[SubscriptionChange], standing: Collection[int]
) -> dict[int, SafeString | str]:
    """The first invoice that knew each change that stands and bills up to it, by its number."""
    mine = [row for row in changes if row.number in standing]
    since = min((row.effective_at for row in mine), default=None)
    if since is None:
        return {}
    rows = Invoice.objects.filter(
        project=subscription.project, subscription=subscription, boundary_at__gte=since
    )
    invoices = list(rows.order_by("boundary_at", "id")[:INVOICES_READ])
    found: dict[int, SafeString | str] = {}
    for row in mine:
        first = next((one for one in invoices if _bills(one, row)), None)
        if first is not None:
            found[row.number] = whole(link_to(first, first.number or "Draft"))
    return found


def _bills(invoice: Invoice, row: SubscriptionChange) -> bool:
    """Whether a document is the one of a change: its own, or one that knew of it."""
    if invoice.reason == Invoice.Reason.CHANGE:
        return invoice.operation_key == change_key(row.subscription, row.number)
    knows = invoice.status == Invoice.Status.DRAFT or invoice.known_changes >= row.number
    return knows and invoice.boundary_at >= row.effective_at
