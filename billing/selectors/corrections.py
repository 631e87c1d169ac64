"""The facts of corrections: of lines of usage, and of the minimums of their periods."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from billing.models import (
    Invoice,
    InvoiceLine,
    Period,
    Subscription,
)
from billing.rating.adjustments import Adjustments
from billing.rating.correction import corrected_key
from billing.rating.facts import (
    BilledUsage,
    CorrectionFacts,
    InvoiceFacts,
    MinimumFacts,
    PeriodFacts,
    usage_name,
)
from billing.rating.invoice import InvoiceContent
from billing.rating.parts import usage_parts
from billing.rating.timeline import Timeline
from billing.selectors.adjustments import (
    CountedPeriod,
    counted,
    taxes_of_customers,
)
from billing.selectors.facts import UsageSource, usage_facts
from billing.selectors.late_periods import is_drafted, late_periods
from billing.selectors.printed import printed_for, with_printed
from billing.selectors.standing import Standings
from billing.selectors.timelines import held_period, period_facts, timelines_of
from ingest.selectors.bounds import ArrivalBound
from neruba.models import Project


@dataclass(frozen=True, slots=True)
class Corrections:
    """The lines of one subscription to be looked at again, and the minimums of their periods."""

    lines: tuple[CorrectionFacts, ...] = ()
    minimums: tuple[MinimumFacts, ...] = ()

    def put_in(self, facts: InvoiceFacts) -> InvoiceFacts:
        """The facts of the document that takes them."""
        return replace(facts, corrections=self.lines, minimums=self.minimums)

    def after(self, content: InvoiceContent) -> "Corrections":
        """The same once that document is issued: what it printed, the next need not."""
        return Corrections(content.corrected, content.corrected_minimums)


NO_CORRECTIONS = Corrections()


def pending_corrections(
    project: Project, subscriptions: Collection[Subscription], *, bound: ArrivalBound | None
) -> dict[int, Corrections]:
    """What is to be looked at again, by subscription id, in order of period and price: what is
    known within the bound, and what all documents printed.

    Left out for now is what a document with a later bound has printed: a run that took its bound
    earlier knows less than that.
    """
    periods = late_periods(project, subscriptions)
    facts = _unprinted(project, periods, bound=bound, source="windows")
    printed = printed_for(project, [(row, one) for row, several in facts for one in several])
    taxes = taxes_of_customers(project, [row.subscription.customer for row in periods])
    lines: dict[int, tuple[CorrectionFacts, ...]] = {}
    late: list[Period] = []
    for row, several in facts:
        pk, now = row.subscription_id, taxes[row.subscription.customer_id]
        before = {
            one.price: [
                each
                for each in printed.get((pk, corrected_key(one)), ())
                if each.invoice.status != Invoice.Status.VOID
            ]
            for one in several
        }
        if bound is None or not any(
            each.is_beyond(bound) for earlier in before.values() for each in earlier
        ):
            late.append(row)
            lines[pk] = lines.get(pk, ()) + tuple(
                with_printed(one, before[one.price], now) for one in several
            )
    minimums = _minimums(project, late)
    return {pk: Corrections(several, minimums.get(pk, ())) for pk, several in lines.items()}


def issued_corrections(
    project: Project, invoices: Sequence[Invoice], *, bound: ArrivalBound, source: UsageSource
) -> dict[int, Corrections]:
    """What issued invoices corrected, by invoice id, in the order of the lines: as known within the
    bound, and with what documents before them had printed.
    """
    lines = list(
        InvoiceLine.objects.filter(
            project=project, invoice__in=[row.pk for row in invoices], kind="correction"
        ).order_by("invoice", "position")
    )
    if not lines:
        return {}
    by_pk = {row.pk: row for row in invoices}
    rows = list(
        Period.objects.filter(
            project=project,
            subscription__in={by_pk[line.invoice_id].subscription_id for line in lines},
            start__in={line.period_start for line in lines},
        )
        .select_related("subscription__customer")
        .order_by("subscription", "number")
    )
    facts = _unprinted(project, rows, bound=bound, source=source)
    printed = printed_for(project, [(row, one) for row, several in facts for one in several])
    by_key = {
        (row.subscription_id, corrected_key(one)): one for row, several in facts for one in several
    }
    every = {one.invoice for several in printed.values() for one in several}
    standing = {row.pk: Standings(project, every, before=row) for row in invoices}
    found: dict[int, tuple[CorrectionFacts, ...]] = {}
    for line in lines:
        invoice = by_pk[line.invoice_id]
        key = (invoice.subscription_id or 0, line.corrects_line)
        before = [one for one in printed.get(key, ()) if one.invoice in standing[invoice.pk]]
        now = Adjustments.read(invoice.adjustments, "half_up").tax
        # A line that names what never was is for `verify` to find: it comes out otherwise.
        if key in by_key:
            found[invoice.pk] = (
                *found.get(invoice.pk, ()),
                with_printed(by_key[key], before, now),
            )
    answer = {}
    for invoice in invoices:
        starts = {line.period_start for line in lines if line.invoice_id == invoice.pk}
        periods = [
            row
            for row in rows
            if row.subscription_id == invoice.subscription_id and row.start in starts
        ]
        if not periods:
            continue
        minimums = _minimums(project, periods, before=invoice)
        answer[invoice.pk] = Corrections(
            found.get(invoice.pk, ()), minimums.get(invoice.subscription_id or 0, ())
        )
    return answer


def _minimums(
    project: Project,
    periods: Sequence[Period],
    *,
    before: Invoice | None = None,
) -> dict[int, tuple[MinimumFacts, ...]]:
    """The minimums of the plan's periods that these lie in, by subscription, where the plan has
    one: those whose own document was made before.
    """
    timelines = timelines_of(project, {row.subscription_id for row in periods})
    mine = [row for row in periods if timelines[row.subscription_id].minimum_rhythms]
    whole = _plan_periods(project, mine, timelines)
    periods_held = {row.pk: known_period(row, timelines[row.subscription_id]) for row in whole}
    places = {
        row.pk: CountedPeriod(row.subscription_id, periods_held[row.pk].period) for row in whole
    }
    found = counted(project, places.values(), before=before)
    keys = {row.pk: _document_key(row, timelines[row.subscription_id]) for row in whole}
    documents = list(
        Invoice.objects.filter(
            project=project, operation_key__in=keys.values(), sequence__isnull=False
        )
    )
    standing = Standings(project, documents, before=before)
    known = {row.operation_key: row.adjustments for row in documents if row in standing}
    answer: dict[int, tuple[MinimumFacts, ...]] = {}
    for row in whole:
        # The document of the period itself counts all; only later ones correct its minimum.
        if keys[row.pk] not in known:
            continue
        sums, key = found[places[row.pk]], keys[row.pk]
        tax = Adjustments.read(known[key], "half_up").tax
        one = MinimumFacts(periods_held[row.pk], key, sums.lines_minor, sums.minimum_minor, tax)
        answer[row.subscription_id] = (*answer.get(row.subscription_id, ()), one)
    return answer


def _document_key(row: Period, timeline: Timeline) -> str:
    """The operation key of the document of the boundary at which a period ends."""
    number = timeline.boundary_ending(row.rhythm, period_facts(row).period)
    return row.subscription.boundary_key(number)


def known_period(row: Period, timeline: Timeline) -> PeriodFacts:
    """A period that is over, as all that is known now made it."""
    facts = period_facts(row)
    return held_period(timeline, facts, by=facts.period.whole.end)


def _plan_periods(
    project: Project, periods: Sequence[Period], timelines: Mapping[int, Timeline]
) -> list[Period]:
    """The periods of rhythms with a plan's minimum that have been drafted to their end, and in
    which one of these periods lies; each once, in order.
    """

    def commits(row: Period) -> bool:
        return row.rhythm in timelines[row.subscription_id].minimum_rhythms

    own = {row.pk: row for row in periods if commits(row)}
    others = [row for row in periods if row.pk not in own]
    if others:
        rows = Period.objects.filter(
            is_drafted(),
            project=project,
            subscription__in={row.subscription_id for row in others},
            start__lte=max(row.start for row in others),
            end__gte=min(row.end for row in others),
        )
        for plan in rows.select_related("subscription__customer"):
            if commits(plan) and any(
                row.subscription_id == plan.subscription_id
                and plan.start <= row.start
                and row.end <= plan.end
                for row in others
            ):
                own[plan.pk] = plan
    return sorted(own.values(), key=lambda row: (row.subscription_id, row.number))


def _unprinted(
    project: Project,
    periods: Sequence[Period],
    *,
    bound: ArrivalBound | None,
    source: UsageSource,
) -> list[tuple[Period, list[CorrectionFacts]]]:
    """The usage of each period as known within the bound, as if nothing had been printed."""
    timelines = timelines_of(project, {row.subscription_id for row in periods})
    billed = []
    for row in periods:
        timeline = timelines[row.subscription_id]
        held = known_period(row, timeline)
        billed.append((row.subscription, timeline.terms_at(held.period.start), held))
    usage = usage_facts(project, billed, bound=bound, source=source)
    answer = []
    for row, (subscription, terms, held), of_period in zip(periods, billed, usage, strict=True):
        boundary = timelines[row.subscription_id].boundary_ending(row.rhythm, held.period)
        facts = [
            CorrectionFacts(
                held=held,
                price=part.price.code,
                invoice=subscription.boundary_key(boundary),
                usage=of_period[usage_name(held, part)],
                billed=BilledUsage(),
                unit=boundary - 1,
                part=part,
            )
            for part in usage_parts(held, terms)
        ]
        answer.append((row, facts))
    return answer
