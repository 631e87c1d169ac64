"""The state of subscriptions, derived from their changes."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

from billing.models import Period, SubscriptionChange
from billing.rating.facts import PeriodFacts
from billing.rating.schedule import BillingPeriod
from billing.rating.terms import Terms
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
    *("whole_start", "whole_starts_on"),
)


@dataclass(frozen=True, slots=True)
class Timeline:
    """What the changes up to a number of them add up to. `end_at` is None while nothing ends it."""

    terms: Terms
    end_at: datetime | None
    changes: int

    def status(self, at: datetime) -> str:
        """`pending` before the start, `canceled` from the end on, else `active`."""
        if at < self.terms.start:
            return "pending"
        return "canceled" if self.end_at is not None and self.end_at <= at else "active"


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
    return {pk: _fold(several) for pk, several in changes.items()}


class _Change(NamedTuple):
    number: int
    type: str
    effective_at: datetime
    requested_at: datetime
    content: str


def _fold(changes: list[_Change]) -> Timeline:
    assert changes[0].type == Type.CREATE, "a timeline begins with its creation"
    ends = [change.effective_at for change in changes if change.type == Type.CANCEL]
    return Timeline(
        terms=_terms(changes[0].content),
        end_at=min(ends, default=None),
        changes=changes[-1].number,
    )


@lru_cache(maxsize=1024)
def _terms(content: str) -> Terms:
    """A step reads the timelines of a chunk of customers two or three times."""
    return Terms.read(content)


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
    """What ends and what begins at a boundary, by the code of the rhythm, the finest first."""

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


def turn_keys(subscription: int, terms: Terms, number: int) -> Iterator[PeriodKey]:
    """The periods that end and begin at boundary `number`."""
    for rhythm, own in terms.turns(number).items():
        if own:
            yield PeriodKey(subscription, rhythm, own - 1)
        yield PeriodKey(subscription, rhythm, own)


def turn_at(
    project: Project,
    timeline: Timeline,
    number: int,
    *,
    subscription: int,
    stored: Mapping[PeriodKey, PeriodFacts],
) -> Turn:
    """What ends and begins at boundary `number`: as stored, or as it would open now."""
    terms, turns = timeline.terms, timeline.terms.turns(number)
    ended = {
        rhythm: stored.get(PeriodKey(subscription, rhythm, own - 1))
        or coming_period(project, terms, own - 1, rhythm)
        for rhythm, own in turns.items()
        if own
    }
    if is_over(timeline, next(iter(ended.values()), None)):
        return Turn(ended, {})
    begun = {
        rhythm: stored.get(PeriodKey(subscription, rhythm, own))
        or coming_period(project, terms, own, rhythm)
        for rhythm, own in turns.items()
    }
    return Turn(ended, begun)


def is_over(timeline: Timeline, ended: PeriodFacts | None) -> bool:
    """Whether the timeline has ended where a period did (None: where it starts)."""
    at = ended.period.end if ended is not None else timeline.terms.start
    return timeline.end_at is not None and timeline.end_at <= at


def coming_period(project: Project, terms: Terms, number: int, rhythm: str) -> PeriodFacts:
    """A period that has not opened yet, under the policy that it would open with now."""
    return PeriodFacts(terms.schedules[rhythm].period(number), project.policy, rhythm)


def period_row(
    project: Project, subscription_id: int, terms: Terms, facts: PeriodFacts
) -> tuple[object, ...]:
    """The values of PERIOD_COLUMNS for a period that opens."""
    period = facts.period
    return (
        *(project.pk, subscription_id, facts.rhythm, period.number, period.start, period.end),
        *(period.starts_on, period.ends_on, period.whole_start, period.whole_starts_on),
        *(terms.zone, _policy_text(facts.policy)),
    )


@lru_cache(maxsize=256)
def _policy_text(policy: ProjectSettings) -> str:
    """Most periods of a project open with the same policy."""
    return canonical_json(policy.as_dict())
