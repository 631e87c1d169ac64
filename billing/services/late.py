"""Late usage: noted when it comes, and let go once a document has taken it.

An event that a run's bound leaves out is told of by its mark until windows are rebuilt, and from
then on by a row here. Two transactions may meet at that: the rebuild that uses the mark up, and the
one that finalises the event's period. Both hold the customer's lock, and each looks for what the
other cannot know: the rebuild whether the period's end has been drafted, the finalisation whether
events beyond its bound are there. Whichever comes second writes the row.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date

from billing.locks import lock_customers
from billing.models import LateUsage, Period, Subscription
from billing.rating.facts import PeriodFacts
from billing.selectors.contents import Computed
from billing.selectors.late_periods import in_parts, owners_of, touched_periods
from ingest.selectors.arrivals import arrived_after
from ingest.selectors.bounds import ArrivalBound, known_bound
from ingest.selectors.raw import Stream
from neruba.models import Project

CUSTOMERS_AT_ONCE = 1000


def note_late_usage(
    project: Project, days: Mapping[Stream, Collection[date]], known: ArrivalBound
) -> None:
    """Note each period that usage of these days touches after its end was drafted.

    Called by `ingest.news` in the transaction that rebuilds windows. Locks the customers.
    """
    subjects = sorted({stream.subject_id for stream in days})
    customers: set[int] = set()
    for part in in_parts(subjects, CUSTOMERS_AT_ONCE):
        owners = set(owners_of(project, part).values())
        held = Subscription.objects.filter(project=project, customer__in=owners)
        customers.update(held.values_list("customer_id", flat=True))
    for part in in_parts(sorted(customers), CUSTOMERS_AT_ONCE):
        lock_customers(project, part)
    if customers:
        _note(project, touched_periods(project, days), known)


def settle(project: Project, found: Sequence[Computed], *, bound: ArrivalBound) -> None:
    """After documents were computed to a bound: let go what they took, and note what is beyond it.

    The caller holds the customers' locks.
    """
    subscriptions = {
        one.invoice.subscription_id for one in found if one.invoice.subscription_id is not None
    }
    if not subscriptions:
        return
    rows = LateUsage.objects.filter(
        project=project,
        period__subscription__in=subscriptions,
        last_event__lte=bound.event,
        last_retraction__lte=bound.retraction,
    )
    if seen := list(rows.select_related("period")):
        _let_go(found, seen)
    _note_beyond(project, found, bound)


def note_periods(project: Project, periods: Sequence[Period], known: ArrivalBound) -> None:
    """Let the next document look again at the usage of periods that were billed, as a decision
    that reaches back into them asks for. The caller holds the customers' locks.
    """
    _note(project, periods, known)


def _note(project: Project, periods: Sequence[Period], known: ArrivalBound) -> None:
    """One row a period: the newer one knows all that the older one told of."""
    if periods:
        LateUsage.objects.filter(period__in=[period.pk for period in periods]).delete()
        LateUsage.objects.bulk_create(
            LateUsage(
                project=project,
                period=period,
                last_event=known.event,
                last_retraction=known.retraction,
                due_at=period.end,
            )
            for period in periods
        )


def _let_go(found: Sequence[Computed], seen: Sequence[LateUsage]) -> None:
    """Delete the rows of periods that a document billed or corrected: all of it is printed now."""
    printed = {_key(one, held) for one in found for held in _held(one)}
    printed |= {(one.invoice.subscription_id, *key) for one in found for key in one.looked}
    done = [row.pk for row in seen if _key_of(row.period) in printed]
    LateUsage.objects.filter(pk__in=done).delete()


def _held(one: Computed) -> list[PeriodFacts]:
    """The periods that the document bills or corrects."""
    facts = one.content.facts
    return [*facts.all_ended, *(correction.held for correction in facts.corrections)]


def _key(one: Computed, held: PeriodFacts) -> tuple[int | None, str, int]:
    return one.invoice.subscription_id, held.rhythm, held.period.number


def _key_of(period: Period) -> tuple[int | None, str, int]:
    return period.subscription_id, period.rhythm, period.number


def _note_beyond(project: Project, found: Sequence[Computed], bound: ArrivalBound) -> None:
    """Note the periods that were billed just now although usage of theirs beyond the bound is
    there: its mark may have been used up before their end was drafted.
    """
    known = known_bound(project)
    if known.event <= bound.event and known.retraction <= bound.retraction:
        return
    ended = {
        _key(one, held): held.period.end
        for one in found
        if one.content.facts.usage
        for held in one.content.facts.all_ended
    }
    if not ended:
        return
    days: dict[Stream, set[date]] = defaultdict(set)
    for stream, effective_at in arrived_after(
        bound,
        project=project,
        customers={one.invoice.customer_id for one in found},
        before=max(ended.values()),
    ):
        days[stream].add(effective_at.date())
    touched = touched_periods(project, days)
    _note(project, [row for row in touched if _key_of(row) in ended], known)
