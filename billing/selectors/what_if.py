"""What the usage of a plan's customers would have come to under a draft of its next version.

Reads alone: stored periods, usage and terms, set-wise in chunks of subscriptions. Stores nothing.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Literal

from django.db.models import QuerySet

from billing.models import Period, Plan, Subscription
from billing.rating.facts import PeriodFacts
from billing.rating.plan import PlanPrice
from billing.rating.rhythm import Rhythm, UnnestedError
from billing.rating.terms import Terms
from billing.rating.timeline import Timeline
from billing.rating.what_if import Amounts, PeriodCase, drafted_terms, summed, what_if
from billing.selectors.facts import usage_facts
from billing.selectors.timelines import held_period, period_facts, timelines_of
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
    subscription, as far as it was on the plan in them, under the terms that stood and under the
    draft's prices. One that a change cut is over when the whole one is.

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
class _Rated:
    """A subscription through time, and what the draft makes of its terms on the plan."""

    subscription: Subscription
    timeline: Timeline
    plan: str
    draft: Draft

    def drafted(self, terms: Terms) -> Terms:
        """The terms with the draft's prices; those of another plan stay as they are."""
        if terms.plan != self.plan:
            return terms
        return drafted_terms(terms, self.draft.prices, self.draft.minimum_commitment_minor)

    def unlike(self) -> LeftOut | None:
        """What keeps its stored periods from being rated under the draft."""
        on_it = [
            terms for terms in (one.state.terms for one in self.timeline.entries) if self._is(terms)
        ]
        reasons = (_unlike(terms, self.drafted(terms), self.draft) for terms in on_it)
        return next((why for why in reasons if why is not None), None)

    def sides(self, facts: PeriodFacts) -> "_Sides | None":
        """A stored period as it was and as it would have been; None where the plan never held."""
        held = held_period(self.timeline, facts, by=facts.period.whole.end)
        terms = self.timeline.terms_at(held.period.start)
        states = [one.state.terms for one in held.held] or [terms]
        if not any(map(self._is, states)):
            return None
        drafted = tuple(
            replace(one, state=replace(one.state, terms=self.drafted(one.state.terms)))
            for one in held.held
        )
        return _Sides(self, held, terms, replace(held, held=drafted), self.drafted(terms))

    def _is(self, terms: Terms) -> bool:
        return terms.plan == self.plan


@dataclass(frozen=True, slots=True)
class _Sides:
    """A period as it was, and as it would have been under the draft."""

    rated: _Rated
    held: PeriodFacts
    standing: Terms
    drafted_held: PeriodFacts
    drafted: Terms


def _differences(
    plan: Plan,
    draft: Draft,
    subscriptions: Sequence[Subscription],
    rows: QuerySet[Period],
    left_out: Counter[LeftOut],
) -> Iterator[Difference]:
    timelines = timelines_of(plan.project, [one.pk for one in subscriptions])
    every = {one.pk: _Rated(one, timelines[one.pk], plan.code, draft) for one in subscriptions}
    found: dict[int, list[_Sides]] = {}
    for row in rows.filter(subscription__in=every):
        sides = every[row.subscription_id].sides(period_facts(row))
        if sides is not None:
            found.setdefault(row.subscription_id, []).append(sides)
    rated: list[_Sides] = []
    for pk, several in found.items():
        why = every[pk].unlike()
        if why is None:
            rated += several
        else:
            left_out[why] += 1
    cases: dict[int, list[PeriodCase]] = {}
    for one, case in zip(rated, _cases(plan, rated), strict=True):
        cases.setdefault(one.rated.subscription.pk, []).append(case)
    for pk, of_it in cases.items():
        subscription, prices = every[pk].subscription, summed(what_if(of_it))
        name = subscription.customer.external_id
        yield Difference(name, subscription.external_id, len(of_it), prices)


def _unlike(terms: Terms, drafted: Terms, draft: Draft) -> LeftOut | None:
    """What keeps a subscription's stored periods from being rated under the draft."""
    if terms.currency != draft.currency:
        return "currency"
    try:
        has_periods = set(drafted.rhythms) <= set(terms.rhythms)
    except UnnestedError:
        has_periods = False
    return None if has_periods and terms.rhythm == draft.rhythm else "rhythm"


def _cases(plan: Plan, rated: Sequence[_Sides]) -> Iterator[PeriodCase]:
    read = partial(usage_facts, plan.project, bound=None, source="windows")
    before = read([(one.rated.subscription, one.standing, one.held) for one in rated])
    after = read([(one.rated.subscription, one.drafted, one.drafted_held) for one in rated])
    for one, old, new in zip(rated, before, after, strict=True):
        yield PeriodCase(
            one.held,
            one.standing,
            one.drafted,
            old,
            new,
            one.drafted_held,
            one.rated.timeline.first_paid,
        )
