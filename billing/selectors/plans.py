"""Versions of plans: what each says, and how many subscriptions stand on it."""

import json
from collections.abc import Collection
from datetime import datetime
from typing import Any

from django.db.models import Count, F, Max, Q

from billing.models import PlanVersion, SubscriptionChange
from billing.rating.entitlements import Entitlement
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
    """How many subscriptions took each of these versions (by id) and have not ended by `at`."""
    rows = SubscriptionChange.objects.filter(
        Q(subscription__end_at__isnull=True) | Q(subscription__end_at__gt=at),
        project=project,
        plan_version__in=versions,
        type=SubscriptionChange.Type.CREATE,
    )
    counts = dict(rows.order_by().values_list("plan_version").annotate(Count("pk")))
    return {version: counts.get(version, 0) for version in versions}
