"""Plan versions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from billing.locks import lock_plan
from billing.models import Plan, PlanVersion, Price
from billing.rating.plan import PlanPrice
from billing.rating.rhythm import IntervalUnit, Rhythm
from billing.selectors.drafts import drafted_entitlements, drafted_prices
from ingest.models import Meter
from neruba.actor import Actor
from neruba.canonical import canonical_json, sha256_hex
from neruba.errors import ConflictError, InvalidError
from neruba.models import Project
from neruba.money import Money
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
    minimum_commitment: str | None = None,
    entitlements: Sequence[Mapping[str, Any]] = (),
    trial_days: int = 0,
    based_on: int | None = None,
    actor: Actor,
    reason: str = "",
    at: datetime,
) -> CreatedVersion:
    """Make a plan, or the next version of one; the content of the latest version again returns
    that.

    `minimum_commitment` is what each period comes to at least, in major units of the currency, or
    None; `trial_days` are the local days at the start of a subscription in which no fee is due.
    `based_on` is the latest version that its writer saw, 0 for none. Raises ConflictError
    where there is another by now, InvalidError with a pointer to the field of the price or of the
    entitlement that makes no sense.
    """
    minimum = parse_minimum(minimum_commitment, currency)
    rhythm = Rhythm(cast("IntervalUnit", interval), interval_count)
    drafted = drafted_prices(project, prices, rhythm=rhythm)
    parsed, meters = drafted.sound, drafted.meters
    granted = [one.spec() for one in drafted_entitlements(project, entitlements)]
    content_hash = _content_hash(
        name=name,
        currency=currency,
        interval=interval,
        interval_count=interval_count,
        prices=[price.definition() for price in parsed],
        minimum_commitment=None if minimum is None else minimum.amount,
        entitlements=granted,
        trial_days=trial_days,
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
        minimum_commitment_minor=None if minimum is None else minimum.minor,
        trial_days=trial_days,
        entitlements=canonical_json(granted) if granted else "",
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


def _content_hash(**content: object) -> str:
    """The hash of what a version says; what a plan has not has no part in it, so that what came to
    plans later leaves the hashes of older versions as they are.
    """
    optional = ("minimum_commitment", "entitlements", "trial_days")
    return sha256_hex(
        {name: each for name, each in content.items() if name not in optional or each}
    )


def parse_minimum(text: str | None, currency: str, *, below: str = "") -> Money | None:
    """Read a minimum commitment in major units. Raises InvalidError, with a pointer that begins
    with `below`.
    """
    pointer = f"{below}/minimum_commitment"
    if text is None:
        return None
    try:
        minimum = Money.parse(text, currency)
    except ValueError as error:
        raise InvalidError(f"{error}.", pointer=pointer) from None
    if minimum.minor < 0:
        raise InvalidError("A minimum commitment is zero or more.", pointer=pointer)
    return minimum


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
