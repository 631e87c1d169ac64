"""The facts of corrections: of lines of usage, and of the minimums of their periods."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

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
    Part,
    PeriodFacts,
    UsageFacts,
    usage_name,
)
from billing.rating.invoice import InvoiceContent
from billing.rating.parts import usage_parts
from billing.rating.plan import parse_plan_price
from billing.rating.terms import Terms
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
from ingest.aggregation.state import State
from ingest.selectors.bounds import ArrivalBound
from neruba.decimals import ZERO
from neruba.models import Project
from neruba.period import Interval, parse_instant, rfc3339


@dataclass(frozen=True, slots=True)
class Corrections:
    """The lines of one subscription to be looked at again, the minimums of their periods, and the
    periods that are looked at, by rhythm and number: some have no line at all.
    """

    lines: tuple[CorrectionFacts, ...] = ()
    minimums: tuple[MinimumFacts, ...] = ()
    periods: frozenset[tuple[str, int]] = frozenset()

    def put_in(self, facts: InvoiceFacts) -> InvoiceFacts:
        """The facts of the document that takes them."""
        return replace(facts, corrections=self.lines, minimums=self.minimums)

    def after(self, content: InvoiceContent) -> "Corrections":
        """The same once that document is issued: what it printed, the next need not."""
        return Corrections(content.corrected, content.corrected_minimums, self.periods)


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
            corrected_key(one): [
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
                with_printed(one, before[corrected_key(one)], now) for one in several
            )
    minimums = _minimums(project, late)
    looked: dict[int, set[tuple[str, int]]] = defaultdict(set)
    for row in late:
        looked[row.subscription_id].add((row.rhythm, row.number))
    return {
        pk: Corrections(several, minimums.get(pk, ()), frozenset(looked[pk]))
        for pk, several in lines.items()
    }


def issued_corrections(
    project: Project, invoices: Sequence[Invoice], *, bound: ArrivalBound, source: UsageSource
) -> dict[int, Corrections]:
    """What issued invoices corrected, by invoice id, in the order of the lines: as known within the
    bound and to the timelines that they knew, and with what documents before them had printed.
    """
    lines: dict[int, list[InvoiceLine]] = defaultdict(list)
    for line in InvoiceLine.objects.filter(
        project=project, invoice__in=[row.pk for row in invoices], kind="correction"
    ).order_by("invoice", "position"):
        lines[line.invoice_id].append(line)
    if not lines:
        return {}
    # Most knew all that was decided until now, and are read together.
    alike: dict[tuple[int, int], list[Invoice]] = defaultdict(list)
    subscriptions = {row.subscription_id for row in invoices if row.pk in lines}
    timelines = timelines_of(project, {pk for pk in subscriptions if pk is not None})
    for row in invoices:
        if row.pk in lines and row.subscription_id is not None:
            knew_all = row.known_changes >= timelines[row.subscription_id].changes
            alike[(0, 0) if knew_all else (row.subscription_id, row.known_changes)].append(row)
    answer: dict[int, Corrections] = {}
    for (pk, changes), several in alike.items():
        known = {pk: changes} if pk else None
        answer |= _issued(project, several, lines, known, bound=bound, source=source)
    return answer


def _issued(
    project: Project,
    invoices: Sequence[Invoice],
    lines: Mapping[int, Sequence[InvoiceLine]],
    known: Mapping[int, int] | None,
    *,
    bound: ArrivalBound,
    source: UsageSource,
) -> dict[int, Corrections]:
    starts = {row.pk: set(map(_period_start, lines[row.pk])) for row in invoices}
    rows = list(
        Period.objects.filter(
            project=project,
            subscription__in={row.subscription_id for row in invoices},
            start__in={start for several in starts.values() for start in several},
        )
        .select_related("subscription__customer")
        .order_by("subscription", "number")
    )
    facts = _unprinted(project, rows, bound=bound, source=source, known=known)
    printed = printed_for(project, [(row, one) for row, several in facts for one in several])
    by_key = {
        (row.subscription_id, corrected_key(one)): one for row, several in facts for one in several
    }
    every = {one.invoice for several in printed.values() for one in several}
    answer = {}
    for invoice in invoices:
        pk, standing = invoice.subscription_id or 0, Standings(project, every, before=invoice)
        now = Adjustments.read(invoice.adjustments, "half_up").tax
        # A line that names what never was is for `verify` to find: it comes out otherwise.
        found = tuple(
            with_printed(
                by_key[pk, line.corrects_line],
                [
                    one
                    for one in printed.get((pk, line.corrects_line), ())
                    if one.invoice in standing
                ],
                now,
            )
            for line in lines[invoice.pk]
            if (pk, line.corrects_line) in by_key
        )
        mine = [
            row for row in rows if row.subscription_id == pk and row.start in starts[invoice.pk]
        ]
        if mine:
            minimums = _minimums(project, mine, before=invoice, known=known)
            answer[invoice.pk] = Corrections(found, minimums.get(pk, ()))
    return answer


def _period_start(line: InvoiceLine) -> datetime:
    """The start of the period that a line is for a part of."""
    return parse_instant(json.loads(line.evidence)["period"]["start"])


def _minimums(
    project: Project,
    periods: Sequence[Period],
    *,
    before: Invoice | None = None,
    known: Mapping[int, int] | None = None,
) -> dict[int, tuple[MinimumFacts, ...]]:
    """The minimums of the plan's periods that these lie in, by subscription, where the plan has
    one: those whose own document was made before.
    """
    timelines = timelines_of(project, {row.subscription_id for row in periods}, known=known)
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
    adjusted = {row.operation_key: row.adjustments for row in documents if row in standing}
    answer: dict[int, tuple[MinimumFacts, ...]] = {}
    for row in whole:
        # The document of the period itself counts all; only later ones correct its minimum.
        if keys[row.pk] not in adjusted:
            continue
        sums, key = found[places[row.pk]], keys[row.pk]
        tax = Adjustments.read(adjusted[key], "half_up").tax
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
    known: Mapping[int, int] | None = None,
) -> list[tuple[Period, list[CorrectionFacts]]]:
    """The usage of each period as known within the bound, as if nothing had been printed; of what
    was printed and is in force no more, none.
    """
    timelines = timelines_of(project, {row.subscription_id for row in periods}, known=known)
    billed = []
    for row in periods:
        timeline = timelines[row.subscription_id]
        held = known_period(row, timeline)
        billed.append((row.subscription, timeline.terms_at(held.period.start), held))
    usage = usage_facts(project, billed, bound=bound, source=source)
    answer = []
    for row, (subscription, terms, held), of_period in zip(periods, billed, usage, strict=True):
        timeline = timelines[row.subscription_id]
        boundary = timeline.boundary_ending(row.rhythm, held.period)
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
        if not timeline.is_plain:
            facts += _gone(row, held, terms, facts, boundary)
        answer.append((row, facts))
    return answer


def _gone(
    row: Period,
    held: PeriodFacts,
    terms: Terms,
    facts: Sequence[CorrectionFacts],
    boundary: int,
) -> Iterator[CorrectionFacts]:
    """The lines of usage that were printed for a period, whose definition is in force in it no more
    since somebody decided so later.
    """
    keys = {corrected_key(one) for one in facts}
    lines = InvoiceLine.objects.filter(
        project=row.project_id,
        invoice__subscription=row.subscription_id,
        kind__in=("usage", "correction"),
        period_start__gte=row.start,
        period_start__lt=held.period.whole.end,
    ).order_by("invoice__sequence", "position")
    for line in lines:
        key = line.corrects_line or line.line_key
        evidence = json.loads(line.evidence)
        if key in keys or "usage" not in evidence or _period_start(line) != row.start:
            continue
        if evidence["period"]["end"] not in (
            rfc3339(held.period.end),
            rfc3339(held.period.whole.end),
        ):
            continue
        keys.add(key)
        span = Interval(line.period_start, line.period_end)
        measured = evidence["usage"]
        yield CorrectionFacts(
            held=held,
            price=line.price,
            invoice=row.subscription.boundary_key(boundary),
            usage=UsageFacts(
                measured["meter"], measured["aggregation"], ZERO, 0, State().checksum_hex
            ),
            billed=BilledUsage(),
            unit=boundary - 1,
            part=Part(parse_plan_price(evidence["price"]), terms, (span,)),
            is_gone=True,
        )
