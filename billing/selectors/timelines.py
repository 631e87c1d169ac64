"""The state of subscriptions, derived from their changes."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

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
    changes: dict[int, list[SubscriptionChange]] = {}
    rows = SubscriptionChange.objects.filter(project=project, subscription__in=subscription_ids)
    for change in rows.order_by("subscription", "number"):
        asked = at is None or change.type == Type.CREATE or change.requested_at <= at
        if asked and (known is None or change.number <= known[change.subscription_id]):
            changes.setdefault(change.subscription_id, []).append(change)
    return {pk: _fold(rows) for pk, rows in changes.items()}


def _fold(changes: list[SubscriptionChange]) -> Timeline:
    assert changes[0].type == Type.CREATE, "a timeline begins with its creation"
    ends = [change.effective_at for change in changes if change.type == Type.CANCEL]
    return Timeline(
        terms=Terms.read(changes[0].content),
        end_at=min(ends, default=None),
        changes=changes[-1].number,
    )


def period_facts(row: Period) -> PeriodFacts:
    """A period as it was stored when it opened."""
    period = BillingPeriod(
        number=row.number,
        start=row.start,
        end=row.end,
        starts_on=row.starts_on,
        ends_on=row.ends_on,
        whole_start=row.whole_start,
        whole_starts_on=row.whole_starts_on,
    )
    return PeriodFacts(period, ProjectSettings.stored(row.policy))


def stored_periods(
    project: Project, wanted: Collection[tuple[int, int]]
) -> dict[tuple[int, int], PeriodFacts]:
    """The periods that have opened, of (subscription id, number)."""
    rows = Period.objects.filter(
        project=project,
        subscription__in={subscription for subscription, _ in wanted},
        number__in={number for _, number in wanted},
    )
    return {(row.subscription_id, row.number): period_facts(row) for row in rows}


def begun_period(
    project: Project, timeline: Timeline, number: int, ended: PeriodFacts | None
) -> PeriodFacts | None:
    """The period that would open at boundary `number`, or None where the timeline has
    ended there.
    """
    at = ended.period.end if ended is not None else timeline.terms.start
    is_over = timeline.end_at is not None and timeline.end_at <= at
    return None if is_over else coming_period(project, timeline.terms, number)


def coming_period(project: Project, terms: Terms, number: int) -> PeriodFacts:
    """A period that has not opened yet, under the policy that it would open with now."""
    return PeriodFacts(terms.schedule.period(number), project.policy)


def period_row(
    project: Project, subscription_id: int, terms: Terms, facts: PeriodFacts
) -> tuple[object, ...]:
    """The values of PERIOD_COLUMNS for a period that opens."""
    period = facts.period
    return (
        *(project.pk, subscription_id, terms.rhythm_code, period.number, period.start, period.end),
        *(period.starts_on, period.ends_on, period.whole_start, period.whole_starts_on),
        *(terms.zone, _policy_text(facts.policy)),
    )


@lru_cache(maxsize=256)
def _policy_text(policy: ProjectSettings) -> str:
    """Most periods of a project open with the same policy."""
    return canonical_json(policy.as_dict())
