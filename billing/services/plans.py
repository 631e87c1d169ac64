"""Plan versions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from billing.locks import lock_plan
from billing.models import Plan, PlanVersion, Price
from billing.rating.plan import PlanPrice
from billing.selectors.drafts import drafted_prices
from ingest.models import Meter
from neruba.actor import Actor
from neruba.canonical import canonical_json, sha256_hex
from neruba.errors import ConflictError
from neruba.models import Project
from neruba.services.audit import record


@dataclass(frozen=True, slots=True)
class CreatedVersion:
    """The version, and whether its content stood already."""

    version: PlanVersion
    replayed: bool


def create_plan_version(
    *,
    project: Project,
    code: str,
    name: str,
    currency: str,
    interval: str,
    interval_count: int,
    prices: Sequence[Mapping[str, Any]],
    based_on: int | None = None,
    actor: Actor,
    reason: str = "",
    at: datetime,
) -> CreatedVersion:
    """Make a plan, or the next version of one; the content of the latest version again returns
    that.

    `based_on` is the latest version that its writer saw, 0 for none. Raises ConflictError where
    there is another by now, InvalidError with a pointer to the field of the price that makes no
    sense.
    """
    drafted = drafted_prices(project, prices)
    parsed, meters = drafted.sound, drafted.meters
    content_hash = sha256_hex(
        {
            "name": name,
            "currency": currency,
            "interval": interval,
            "interval_count": interval_count,
            "prices": [price.definition() for price in parsed],
        }
    )
    plan, _ = Plan.objects.get_or_create(project=project, code=code, defaults={"created_at": at})
    lock_plan(plan)
    latest = plan.versions.order_by("-version").first()
    stands = 0 if latest is None else latest.version
    if based_on is not None and based_on != stands:
        raise ConflictError(f"Plan {code!r} has version {stands} by now.", pointer="/code")
    if latest is not None and latest.content_hash == content_hash:
        return CreatedVersion(latest, replayed=True)
    version = PlanVersion.objects.create(
        project=project,
        plan=plan,
        version=stands + 1,
        name=name,
        currency=currency,
        interval=interval,
        interval_count=interval_count,
        content_hash=content_hash,
        created_at=at,
    )
    _store_prices(version, parsed, meters)
    record(
        project=project,
        actor=actor,
        action="plan.version_created",
        on=("plan", code),
        at=at,
        reason=reason,
        details={"version": version.version},
    )
    return CreatedVersion(version, replayed=False)


def _store_prices(
    version: PlanVersion, prices: Sequence[PlanPrice], meters: Mapping[str, Meter]
) -> None:
    Price.objects.bulk_create(
        Price(
            project=version.project,
            plan_version=version,
            position=position,
            code=price.code,
            name=price.name,
            kind=price.kind,
            model=price.price.model.name,
            billing=price.billing,
            meter=meters.get(price.meter or ""),
            definition=canonical_json(price.definition()),
        )
        for position, price in enumerate(prices)
    )
