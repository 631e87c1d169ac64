"""Versions of plans: what each says, and how many subscriptions stand on it."""

import json
from collections import Counter
from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db.models import Count, F, Max, Q

from billing.models import PlanVersion, SubscriptionChange
from billing.rating.entitlements import Entitlement
from billing.selectors.timelines import timelines_of
from neruba.models import Project
from neruba.money import Money


def content_of(version: PlanVersion) -> dict[str, Any]:
    """What the version says, as `plan_changes` compares it."""
    minor = version.minimum_commitment_minor
    return {
        "name": version.name,
        "currency": version.currency,
        "interval": version.interval,
        "interval_count": version.interval_count,
        "minimum_commitment": None if minor is None else Money(minor, version.currency).amount,
        "trial_days": version.trial_days or None,
        "prices": [json.loads(price.definition) for price in version.prices.all()],
        "entitlements": [one.spec() for one in entitlements_of(version)],
    }


def entitlements_of(version: PlanVersion) -> tuple[Entitlement, ...]:
    """What the version entitles to, in the order of its definition."""
    return tuple(map(Entitlement.read, json.loads(version.entitlements or "[]")))


def latest_versions(project: Project, currency: str, *, limit: int) -> list[PlanVersion]:
    """The latest version of each plan that is sold in a currency, with plan and prices, in the
    order of the plans' codes; no more than `limit`.
    """
    rows = PlanVersion.objects.filter(project=project, currency=currency)
    rows = rows.annotate(latest=Max("plan__versions__version")).filter(version=F("latest"))
    found = rows.select_related("plan").prefetch_related("prices").order_by("plan__code")
    return list(found[:limit])


def standing_on(project: Project, versions: Collection[int], *, at: datetime) -> dict[int, int]:
    """How many subscriptions stand on each of these versions (by id) at an instant and have not
    ended by then; one that has not begun stands on what it begins with.
    """
    types = SubscriptionChange.Type
    rows = SubscriptionChange.objects.filter(
        Q(subscription__end_at__isnull=True) | Q(subscription__end_at__gt=at),
        project=project,
        plan_version__in=versions,
    )
    # Only of those that changed their plan the whole timeline says where they stand.
    moves = SubscriptionChange.objects.filter(project=project, type=types.CHANGE_PLAN)
    moved = set(
        rows.filter(subscription__in=moves.values("subscription")).values_list(
            "subscription", flat=True
        )
    )
    stayed = rows.filter(type=types.CREATE).exclude(subscription__in=moved)
    counts: Counter[int] = Counter(
        dict(stayed.order_by().values_list("plan_version").annotate(Count("pk")))
    )
    if moved:
        named = PlanVersion.objects.filter(pk__in=versions).values_list(
            "plan__code", "version", "pk"
        )
        by_name = {(code, version): pk for code, version, pk in named}
        for timeline in timelines_of(project, moved).values():
            terms = timeline.terms_at(at)
            if (pk := by_name.get((terms.plan, terms.plan_version))) is not None:
                counts[pk] += 1
    return {version: counts[version] for version in versions}
