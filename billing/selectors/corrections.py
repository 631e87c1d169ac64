"""Which periods late usage touched, and the facts of their corrections."""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TypeVar

from django.db.models import Count, F, Q

from billing.models import (
    Invoice,
    InvoiceDiscount,
    InvoiceLine,
    LateUsage,
    Period,
    Subscription,
)
from billing.rating.adjustments import Adjustments
from billing.rating.correction import corrected_key
from billing.rating.coupon import RedeemedCoupon
from billing.rating.discounts import Discount
from billing.rating.facts import BilledUsage, CorrectionFacts, InvoiceFacts, MinimumFacts
from billing.rating.invoice import InvoiceContent
from billing.rating.taxes import TaxFacts
from billing.rating.terms import Terms
from billing.selectors.adjustments import (
    CountedPeriod,
    counted,
    gross_minor,
    taxes_of_customers,
)
from billing.selectors.amounts import discount_amount
from billing.selectors.facts import UsageSource, usage_facts
from billing.selectors.standing import Standings
from billing.selectors.timelines import period_facts, timelines_of
from ingest.models import Meter
from ingest.selectors.arrivals import unread_days
from ingest.selectors.bounds import ArrivalBound
from ingest.selectors.raw import Stream
from neruba.models import Customer, Project, Subject

SUBJECTS_AT_ONCE = 1000
DAY = timedelta(days=1)
NEVER = datetime(1, 1, 1, tzinfo=UTC)

T = TypeVar("T")


def touched_periods(project: Project, days: Mapping[Stream, Collection[date]]) -> list[Period]:
    """The periods whose end has been drafted or billed, that have an instant in one of these UTC
    days and a price for usage of that type; with their subscriptions and customers. Where the
    price's meter carries over, every period that ends after the day.
    """
    found: list[Period] = []
    for part in in_parts(sorted(days), SUBJECTS_AT_ONCE):
        found += _touched(project, {stream: days[stream] for stream in part})
    # Two types of events may touch one period.
    return list({row.pk: row for row in found}.values())


def _touched(project: Project, days: Mapping[Stream, Collection[date]]) -> Iterator[Period]:
    owners = owners_of(project, {stream.subject_id for stream in days})
    marked: dict[int, list[tuple[str, Collection[date]]]] = defaultdict(list)
    for stream, several in days.items():
        if stream.subject_id in owners:
            marked[owners[stream.subject_id]].append((stream.type, several))
    every = {day for several in days.values() for day in several}
    rows = Period.objects.filter(
        _is_drafted(),
        project=project,
        subscription__customer__in=marked,
        end__gt=_midnight(min(every)),
    )
    if not _carries(project, {stream.type for stream in days}):
        rows = rows.filter(start__lt=_midnight(max(every)) + DAY)
    closed = list(rows.select_related("subscription__customer").order_by("subscription", "number"))
    types = _types_billed(project, {row.subscription_id for row in closed})
    for row in closed:
        billed = types[row.subscription_id].get(row.rhythm, NO_TYPES)
        if any(
            (kind in billed.at_once and _overlaps(row, several))
            or (kind in billed.carried and _midnight(min(several)) < row.end)
            for kind, several in marked[row.subscription.customer_id]
        ):
            yield row


def _carries(project: Project, types: Collection[str]) -> bool:
    """Whether what happens may change usage of later periods too."""
    return Meter.objects.filter(project=project, event_type__in=types, carry_over=True).exists()


def owners_of(project: Project, subjects: Collection[int]) -> dict[int, int]:
    """The customers of these subjects, by id; those without one are left out."""
    rows = Subject.objects.filter(project=project, pk__in=subjects, customer__isnull=False)
    return {pk: customer for pk, customer in rows.values_list("pk", "customer_id") if customer}


@dataclass(frozen=True, slots=True)
class _Types:
    """The types of events that a subscription has a price for on one rhythm: those that count in
    the period in which they happen, and those that stay in the level of every later one.
    """

    at_once: set[str]
    carried: set[str]


NO_TYPES = _Types(set(), set())


def _types_billed(project: Project, subscriptions: Collection[int]) -> dict[int, dict[str, _Types]]:
    """What each subscription has a price for, by the price's rhythm."""
    timelines = timelines_of(project, subscriptions)
    codes = {code for timeline in timelines.values() for code in timeline.terms.meters}
    meters = {row.code: row for row in Meter.objects.filter(project=project, code__in=codes)}
    return {
        pk: {
            rhythm: _types([meters[code] for code in timeline.terms.meters_on(rhythm)])
            for rhythm in timeline.terms.schedules
        }
        for pk, timeline in timelines.items()
    }


def _types(meters: Sequence[Meter]) -> _Types:
    return _Types(
        {meter.event_type for meter in meters},
        {meter.event_type for meter in meters if meter.carry_over},
    )


def _is_drafted() -> Q:
    """Of periods: whether the boundary where they end has been drafted, whatever their rhythm."""
    is_over = Q(subscription__due_at__isnull=True, subscription__next_boundary__gt=0)
    return is_over | Q(subscription__due_at__gt=F("end"))


def _overlaps(period: Period, days: Iterable[date]) -> bool:
    return any(_midnight(day) < period.end and period.start < _midnight(day) + DAY for day in days)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)


def unread_periods(project: Project, customers: Collection[int]) -> list[Period]:
    """The periods that changed usage touches and no rebuild has told of yet."""
    return touched_periods(project, unread_days(project, customers))


def unread_after_the_end(project: Project) -> list[Period]:
    """Those of subscriptions for which no boundary will come."""
    over = Customer.objects.filter(
        project=project, subscriptions__due_at__isnull=True, subscriptions__next_boundary__gt=0
    )
    rows = touched_periods(project, unread_days(project, over))
    return [row for row in rows if row.subscription.due_at is None]


def late_periods(project: Project, subscriptions: Collection[Subscription]) -> list[Period]:
    """The periods of these subscriptions that were billed (or came to nothing) before late usage
    touched them, in order; with their subscriptions and customers.

    A period whose own document is still a draft is not late: that counts all.
    """
    wanted = {row.pk for row in subscriptions}
    if not wanted:
        return []
    # From the side of the notes: there are few, and more periods every month.
    noted = LateUsage.objects.filter(project=project, period__subscription__in=wanted)
    found = {
        row.period_id: row.period for row in noted.select_related("period__subscription__customer")
    }
    for row in unread_periods(project, {row.customer_id for row in subscriptions}):
        if row.subscription_id in wanted:
            found[row.pk] = row
    if not found:
        return []
    pending = set(
        Invoice.objects.filter(
            project=project,
            subscription__in=wanted,
            boundary__isnull=False,
            status=Invoice.Status.DRAFT,
        ).values_list("subscription_id", "boundary_at")
    )
    rows = [row for row in found.values() if (row.subscription_id, row.end) not in pending]
    return sorted(rows, key=lambda row: (row.subscription_id, row.end, row.start, row.rhythm))


def corrections_alone(project: Project, subscriptions: Collection[int]) -> dict[int, int]:
    """How many invoices of nothing but corrections each of these has had; none is left out."""
    rows = Invoice.objects.filter(
        project=project, subscription__in=subscriptions, reason=Invoice.Reason.CORRECTION
    )
    counts = dict(rows.order_by().values_list("subscription").annotate(Count("pk")))
    return {pk: counts.get(pk, 0) for pk in subscriptions}


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
    printed = _printed(project, [(row, one) for row, several in facts for one in several])
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
                _with_printed(one, before[one.price], now) for one in several
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
    printed = _printed(project, [(row, one) for row, several in facts for one in several])
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
                _with_printed(by_key[key], before, now),
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
    mine = [
        row
        for row in periods
        if timelines[row.subscription_id].terms.minimum_commitment_minor is not None
    ]
    whole = _plan_periods(project, mine, {pk: one.terms for pk, one in timelines.items()})
    places = {row.pk: CountedPeriod(row.subscription_id, row.start, row.end) for row in whole}
    found = counted(project, places.values(), before=before)
    keys = {}
    for row in whole:
        terms = timelines[row.subscription_id].terms
        number = terms.boundary_at_end(row.rhythm, period_facts(row).period)
        keys[row.pk] = row.subscription.boundary_key(number)
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
        one = MinimumFacts(period_facts(row), key, sums.lines_minor, sums.minimum_minor, tax)
        answer[row.subscription_id] = (*answer.get(row.subscription_id, ()), one)
    return answer


def _plan_periods(
    project: Project, periods: Sequence[Period], terms: Mapping[int, Terms]
) -> list[Period]:
    """The periods of the plan's own rhythm that have been drafted to their end, and in which one of
    these periods lies; each once, in order.
    """
    own = {row.pk: row for row in periods if row.rhythm == terms[row.subscription_id].rhythm.code}
    others = [row for row in periods if row.pk not in own]
    if others:
        rows = Period.objects.filter(
            _is_drafted(),
            project=project,
            subscription__in={row.subscription_id for row in others},
            start__lte=max(row.start for row in others),
            end__gte=min(row.end for row in others),
        )
        for plan in rows.select_related("subscription__customer"):
            if plan.rhythm == terms[plan.subscription_id].rhythm.code and any(
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
    billed = [
        (row.subscription, timelines[row.subscription_id].terms, period_facts(row))
        for row in periods
    ]
    usage = usage_facts(project, billed, bound=bound, source=source)
    answer = []
    for row, (_, terms, held), of_period in zip(periods, billed, usage, strict=True):
        boundary = terms.boundary_at_end(row.rhythm, held.period)
        facts = [
            CorrectionFacts(
                held=held,
                price=price.code,
                invoice=row.subscription.boundary_key(boundary),
                usage=of_period[price.code],
                billed=BilledUsage(),
                unit=boundary - 1,
            )
            for price in terms.prices_on(row.rhythm)
            if price.kind == "usage"
        ]
        answer.append((row, facts))
    return answer


@dataclass(frozen=True, slots=True)
class _Printed:
    """What a document printed for a usage line: the line itself, or a correction of it."""

    invoice: Invoice
    bound: ArrivalBound
    amount_minor: int
    quantity: Decimal
    events: int
    discounts: tuple[Discount, ...]
    tax: TaxFacts

    def is_beyond(self, bound: ArrivalBound) -> bool:
        return self.bound.event > bound.event or self.bound.retraction > bound.retraction


def _printed(
    project: Project, corrections: Sequence[tuple[Period, CorrectionFacts]]
) -> dict[tuple[int, str], list[_Printed]]:
    """What documents printed for these lines, by subscription and key, in order of number."""
    subscriptions = {row.subscription_id for row, _ in corrections}
    keys = {corrected_key(one) for _, one in corrections}
    if not keys:
        return {}
    lines = InvoiceLine.objects.filter(
        Q(kind="usage", line_key__in=keys) | Q(kind="correction", corrects_line__in=keys),
        project=project,
        invoice__subscription__in=subscriptions,
        invoice__sequence__isnull=False,
    )
    loaded = list(
        lines.select_related("invoice", "transfer__debit_account").order_by("invoice__sequence")
    )
    given = _discounts_on(project, loaded)
    answer: dict[tuple[int, str], list[_Printed]] = defaultdict(list)
    for line in loaded:
        usage = json.loads(line.evidence)["usage"]
        key = line.corrects_line or line.line_key
        assert line.invoice.subscription_id is not None
        answer[line.invoice.subscription_id, key].append(
            _Printed(
                line.invoice,
                ArrivalBound(line.invoice.bound_event, line.invoice.bound_retraction),
                gross_minor(line),
                Decimal(usage["quantity"]),
                usage["events"],
                tuple(given[line.invoice_id, line.line_key]),
                Adjustments.read(line.invoice.adjustments, "half_up").tax,
            )
        )
    return answer


def _discounts_on(
    project: Project, lines: Sequence[InvoiceLine]
) -> dict[tuple[int, str], list[Discount]]:
    """What coupons took off these lines, by invoice id and line key, in order of application."""
    found: dict[tuple[int, str], list[Discount]] = defaultdict(list)
    rows = InvoiceDiscount.objects.filter(
        project=project,
        invoice__in={line.invoice_id for line in lines},
        line_key__in={line.line_key for line in lines},
    )
    for row in rows.select_related("transfer__debit_account").order_by("invoice", "position"):
        gross = discount_amount(row) + row.included_minor
        found[row.invoice_id, row.line_key].append(
            Discount(coupon_of(row), row.line_key, row.unit, gross)
        )
    return found


def coupon_of(row: InvoiceDiscount) -> RedeemedCoupon:
    """The coupon as it stands on the discount that it gave: when and for how long it holds is not
    the discount's to know.
    """
    return RedeemedCoupon(
        code=row.coupon,
        name=row.name,
        percent_off=Decimal(row.percent_off) if row.percent_off else None,
        amount_off_minor=row.amount_off_minor,
        currency="",
        duration="",
        periods=None,
        number=row.number,
        redeemed_at=NEVER,
    )


def _with_printed(
    one: CorrectionFacts, printed: Sequence[_Printed], now: TaxFacts
) -> CorrectionFacts:
    """The facts with what was printed; taxed as the first document was, or as is `now`."""
    if not printed:
        return replace(one, tax=now)
    discounts: dict[int, Discount] = {}
    first_off: dict[int, int] = {}
    for each in printed:
        for given in each.discounts:
            number = given.coupon.number
            before = discounts[number].amount_minor if number in discounts else 0
            discounts[number] = replace(given, amount_minor=before + given.amount_minor)
            first_off.setdefault(number, given.amount_minor)
    billed = BilledUsage(
        sum(each.amount_minor for each in printed),
        printed[-1].quantity,
        printed[-1].events,
        tuple(discounts.values()),
        first_off,
    )
    return replace(one, billed=billed, tax=printed[0].tax)


def in_parts(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """The items in their order, `size` at a time."""
    for first in range(0, len(items), size):
        yield items[first : first + size]
