"""Timelines of subscriptions, read from their changes, and the periods that they opened."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

from billing.models import Period, SubscriptionChange
from billing.rating.decisions import Decision
from billing.rating.facts import PeriodFacts
from billing.rating.schedule import BillingPeriod
from billing.rating.terms import Terms
from billing.rating.timeline import Held, Timeline
from neruba.canonical import canonical_json
from neruba.models import Project
from neruba.project_settings import ProjectSettings

Type = SubscriptionChange.Type
PERIOD_COLUMNS = (
    *("project_id", "subscription_id", "rhythm", "number", "start", "end", "starts_on", "ends_on"),
    *("whole_start", "whole_starts_on", "zone", "policy"),
)


# The policy and the rhythm, then the fields of a BillingPeriod in their order.
FACT_COLUMNS = (
    *("policy", "rhythm", "number", "start", "end", "starts_on", "ends_on"),
    *("whole_start", "whole_starts_on", "whole_end", "whole_ends_on"),
)


def timelines_of(
    project: Project,
    subscription_ids: Collection[int],
    *,
    known: Mapping[int, int] | None = None,
    at: datetime | None = None,
) -> dict[int, Timeline]:
    """The timelines of these subscriptions by id.

    `known` limits each to its first so many changes (what a document knew), `at` to what was asked
    for by then.
    """
    changes: dict[int, list[_Change]] = {}
    rows = SubscriptionChange.objects.filter(project=project, subscription__in=subscription_ids)
    columns = ("subscription_id", *_Change._fields)
    for pk, *row in rows.order_by("subscription_id", "number").values_list(*columns):
        change = _Change(*row)
        asked = at is None or change.type == Type.CREATE or change.requested_at <= at
        if asked and (known is None or change.number <= known[pk]):
            changes.setdefault(pk, []).append(change)
    return {pk: _timeline(tuple(several)) for pk, several in changes.items()}


class _Change(NamedTuple):
    number: int
    type: str
    effective_at: datetime
    requested_at: datetime
    content: str


@lru_cache(maxsize=4096)
def _timeline(changes: tuple[_Change, ...]) -> Timeline:
    """A step reads the timelines of a chunk of customers two or three times."""
    return Timeline.of(Decision(*one) for one in changes)


def period_facts(row: Period) -> PeriodFacts:
    """A period as it was stored when it opened."""
    return _facts(*(getattr(row, name) for name in FACT_COLUMNS))


def _facts(policy: str, rhythm: str, *period: Any) -> PeriodFacts:
    return PeriodFacts(BillingPeriod(*period), ProjectSettings.stored(policy), rhythm)


class PeriodKey(NamedTuple):
    """A period by its subscription's id, the code of its rhythm, and its number."""

    subscription: int
    rhythm: str
    number: int


def stored_periods(project: Project, wanted: Collection[PeriodKey]) -> dict[PeriodKey, PeriodFacts]:
    """The periods that have opened; at least those that are wanted."""
    rows = Period.objects.filter(
        project=project,
        subscription__in={key.subscription for key in wanted},
        number__in={key.number for key in wanted},
    )
    columns = (*("subscription_id", "rhythm", "number"), *FACT_COLUMNS)
    return {
        PeriodKey(subscription, rhythm, number): _facts(*values)
        for subscription, rhythm, number, *values in rows.order_by().values_list(*columns)
    }


@dataclass(frozen=True, slots=True)
class Turn:
    """What ends and what begins at boundary `number`, by the code of the rhythm, the finest first:
    what ended as it was cut, what begins as far as is known when it opens.

    `terms` are those that hold from then on, or held until the end.
    """

    number: int
    at: datetime
    terms: Terms
    ended: Mapping[str, PeriodFacts]
    begun: Mapping[str, PeriodFacts]

    @property
    def finest(self) -> tuple[PeriodFacts | None, PeriodFacts | None]:
        """The period of the boundaries' own rhythm that ends, and the one that begins."""
        return next(iter(self.ended.values()), None), next(iter(self.begun.values()), None)

    @property
    def coarser(self) -> tuple[dict[str, PeriodFacts], dict[str, PeriodFacts]]:
        """The same of the other rhythms."""
        return dict(islice(self.ended.items(), 1, None)), dict(islice(self.begun.items(), 1, None))

    @property
    def waits(self) -> bool:
        """Whether a period of a usage price ends there."""
        return any(
            price.kind == "usage" and terms.rhythm_of(price).code == rhythm
            for rhythm, facts in self.ended.items()
            for terms in ([one.state.terms for one in facts.held] or [self.terms])
            for price in terms.prices
        )


def turn_keys(subscription: int, timeline: Timeline, number: int) -> Iterator[PeriodKey]:
    """The periods that end and begin at boundary `number`."""
    boundary = timeline.boundary(number)
    for rhythm, period in (*boundary.ended.items(), *boundary.begun.items()):
        yield PeriodKey(subscription, rhythm, period.number)


def turn_at(
    project: Project,
    timeline: Timeline,
    number: int,
    *,
    subscription: int,
    stored: Mapping[PeriodKey, PeriodFacts],
) -> Turn:
    """What ends and begins at boundary `number`: as stored, or as it would open now."""
    boundary = timeline.boundary(number)

    def facts_of(rhythm: str, period: BillingPeriod) -> PeriodFacts:
        held = stored.get(PeriodKey(subscription, rhythm, period.number))
        return held or PeriodFacts(period, project.policy, rhythm)

    return Turn(
        number,
        boundary.at,
        _terms_from(timeline, boundary.at, is_last=boundary.is_last),
        {
            rhythm: held_period(timeline, facts_of(rhythm, period), by=boundary.at)
            for rhythm, period in boundary.ended.items()
        },
        {
            rhythm: _opening(timeline, facts_of(rhythm, period))
            for rhythm, period in boundary.begun.items()
        },
    )


def held_period(timeline: Timeline, facts: PeriodFacts, *, by: datetime) -> PeriodFacts:
    """A stored period as what is known to have happened by an instant made it."""
    if timeline.is_plain:
        return _as_opened(facts)
    period = timeline.cut(facts.period, by)
    first, *others = timeline.held(period.interval)
    return replace(
        facts,
        period=period,
        held=(first, *(one for one in others if one.start <= by)),
        is_terminated=period.whole_end is not None and period.end == timeline.end_at,
    )


def _as_opened(facts: PeriodFacts) -> PeriodFacts:
    """A stored period before anything cut it: what cut it later, its documents did not know."""
    return replace(facts, period=facts.period.uncut()) if facts.period.whole_end else facts


def _opening(timeline: Timeline, facts: PeriodFacts) -> PeriodFacts:
    """A period that begins, as it is billed ahead: in the state of its beginning."""
    if timeline.is_plain:
        return _as_opened(facts)
    start = facts.period.start
    period = timeline.cut(facts.period, start)
    held = (Held(start, timeline.state_at(start)),)
    ends = period.whole_end is not None and period.end == timeline.ends_by(start)
    return replace(facts, period=period, held=held, is_terminated=ends)


def _terms_from(timeline: Timeline, at: datetime, *, is_last: bool) -> Terms:
    if not is_last:
        return timeline.terms_at(at)
    before = [entry.state.terms for entry in timeline.entries if entry.at < at]
    return before[-1] if before else timeline.agreed


def period_row(
    project: Project, subscription_id: int, terms: Terms, facts: PeriodFacts
) -> tuple[object, ...]:
    """The values of PERIOD_COLUMNS for a period that opens."""
    period = facts.period.uncut()
    return (
        *(project.pk, subscription_id, facts.rhythm, period.number, period.start, period.end),
        *(period.starts_on, period.ends_on, period.whole_start, period.whole_starts_on),
        *(terms.zone, _policy_text(facts.policy)),
    )


@lru_cache(maxsize=256)
def _policy_text(policy: ProjectSettings) -> str:
    """Most periods of a project open with the same policy."""
    return canonical_json(policy.as_dict())
