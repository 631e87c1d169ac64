"""What the usage of a plan's customers would have come to under a draft of its next version.

Reads alone: stored periods, usage and terms, set-wise in chunks of subscriptions. Stores nothing.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Literal

from django.db.models import QuerySet

from billing.models import Period, Plan, Subscription
from billing.rating.facts import PeriodFacts
from billing.rating.plan import PlanPrice
from billing.rating.rhythm import Rhythm, UnnestedError
from billing.rating.terms import Terms
from billing.rating.what_if import Amounts, PeriodCase, drafted_terms, summed, what_if
from billing.selectors.facts import usage_facts
from billing.selectors.timelines import period_facts, timelines_of
from neruba.errors import InvalidError
from neruba.period import Interval

# A question of one request: about ten seconds of work.
MAX_PERIODS = 20_000
SUBSCRIPTIONS_AT_ONCE = 200

LeftOut = Literal["currency", "rhythm"]


@dataclass(frozen=True, slots=True)
class Draft:
    """The next version of a plan as far as it can change what periods come to."""

    currency: str
    rhythm: Rhythm
    prices: tuple[PlanPrice, ...]
    minimum_commitment_minor: int | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """What one subscription would have been billed, over its periods, by price code."""

    customer: str
    subscription: str
    periods: int
    prices: Mapping[str, Amounts]

    @property
    def total(self) -> Amounts:
        return sum(self.prices.values(), Amounts())


@dataclass(frozen=True, slots=True)
class Answer:
    """The largest difference first. `left_out` counts subscriptions that have periods there and
    cannot be rated under the draft, by what differs.
    """

    currency: str
    interval: Interval
    differences: Sequence[Difference]
    left_out: Mapping[LeftOut, int] = field(default_factory=dict)

    @property
    def prices(self) -> dict[str, Amounts]:
        return summed(one.prices for one in self.differences)

    @property
    def total(self) -> Amounts:
        return sum((one.total for one in self.differences), Amounts())

    @property
    def periods(self) -> int:
        return sum(one.periods for one in self.differences)


def what_it_would_have_been(
    *, plan: Plan, draft: Draft, interval: Interval, at: datetime
) -> Answer:
    """Rate the stored periods that lie whole in `interval` and are over at `at`, of every
    subscription on the plan, under the terms that stand and under the draft's prices.

    Both use all the usage that is accepted now. A subscription of another currency than the
    draft's, or without periods of its rhythms, cannot be rated under it; it is left out, and
    counted. Raises InvalidError for more than MAX_PERIODS periods.
    """
    rows = _periods(plan, interval, at)
    if rows[MAX_PERIODS : MAX_PERIODS + 1].exists():
        raise InvalidError(
            f"More than {MAX_PERIODS:,} periods lie there; ask for a shorter time.", pointer="/from"
        )
    left_out: Counter[LeftOut] = Counter()
    found: list[Difference] = []
    wanted = sorted(set(rows.order_by().values_list("subscription", flat=True)))
    for first in range(0, len(wanted), SUBSCRIPTIONS_AT_ONCE):
        chunk = wanted[first : first + SUBSCRIPTIONS_AT_ONCE]
        subscriptions = Subscription.objects.filter(project=plan.project, pk__in=chunk)
        ordered = subscriptions.select_related("customer").order_by("pk")
        found += _differences(plan, draft, list(ordered), rows, left_out)
    found.sort(key=_by_size)
    return Answer(draft.currency, interval, found, dict(left_out))


def _periods(plan: Plan, interval: Interval, at: datetime) -> QuerySet[Period]:
    on_it = Subscription.objects.filter(project=plan.project, changes__plan_version__plan=plan)
    return Period.objects.filter(
        project=plan.project,
        subscription__in=on_it.values("pk"),
        start__gte=interval.start,
        end__lte=min(interval.end, at),
    ).order_by("subscription", "rhythm", "number")


def _by_size(one: Difference) -> tuple[int, str, str]:
    return -abs(one.total.difference_minor), one.customer, one.subscription


@dataclass(frozen=True, slots=True)
class _Both:
    """A subscription under the terms that stand and under the draft."""

    subscription: Subscription
    standing: Terms
    drafted: Terms


def _differences(
    plan: Plan,
    draft: Draft,
    subscriptions: Sequence[Subscription],
    rows: QuerySet[Period],
    left_out: Counter[LeftOut],
) -> Iterator[Difference]:
    timelines = timelines_of(plan.project, [one.pk for one in subscriptions])
    rated: dict[int, _Both] = {}
    for one in subscriptions:
        on_it = [
            entry.state.terms
            for entry in timelines[one.pk].entries
            if entry.state.terms.plan == plan.code
        ]
        terms = on_it[-1]
        drafted = drafted_terms(terms, draft.prices, draft.minimum_commitment_minor)
        why = _unlike(terms, drafted, draft)
        if why is None:
            rated[one.pk] = _Both(one, terms, drafted)
        else:
            left_out[why] += 1
    held = [(row.subscription_id, period_facts(row)) for row in rows.filter(subscription__in=rated)]
    cases: dict[int, list[PeriodCase]] = {}
    for (pk, _), case in zip(held, _cases(plan, rated, held), strict=True):
        cases.setdefault(pk, []).append(case)
    for pk, several in cases.items():
        one, prices = rated[pk].subscription, summed(what_if(several))
        yield Difference(one.customer.external_id, one.external_id, len(several), prices)


def _unlike(terms: Terms, drafted: Terms, draft: Draft) -> LeftOut | None:
    """What keeps a subscription's stored periods from being rated under the draft."""
    if terms.currency != draft.currency:
        return "currency"
    try:
        has_periods = set(drafted.rhythms) <= set(terms.rhythms)
    except UnnestedError:
        has_periods = False
    return None if has_periods and terms.rhythm == draft.rhythm else "rhythm"


def _cases(
    plan: Plan,
    rated: Mapping[int, _Both],
    held: Sequence[tuple[int, PeriodFacts]],
) -> Iterator[PeriodCase]:
    read = partial(usage_facts, plan.project, bound=None, source="windows")
    before = read([(rated[pk].subscription, rated[pk].standing, facts) for pk, facts in held])
    after = read([(rated[pk].subscription, rated[pk].drafted, facts) for pk, facts in held])
    for (pk, facts), old, new in zip(held, before, after, strict=True):
        yield PeriodCase(facts, rated[pk].standing, rated[pk].drafted, old, new)
