"""Plan versions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

from billing.locks import lock_plan
from billing.models import Plan, PlanVersion, Price
from billing.rating.plan import PlanPrice, parse_plan_price
from billing.rating.price import PriceError
from billing.rating.rhythm import IntervalUnit, Rhythm, UnnestedError, from_finest
from billing.selectors.price_meters import Placed, meters_of_prices
from ingest.models import Meter
from neruba.actor import Actor
from neruba.canonical import canonical_json, sha256_hex
from neruba.errors import InvalidError, UnsupportedError
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
    actor: Actor,
    at: datetime,
) -> CreatedVersion:
    """Make a plan, or the next version of one; the content of the latest version again returns
    that.

    `minimum_commitment` is what each period comes to at least, in major units of the currency, or
    None. Raises InvalidError with a pointer to the field of the price that makes no sense.
    """
    minimum = _parse_minimum(minimum_commitment, currency)
    parsed = _parse_prices(prices)
    meters = meters_of_prices(
        project,
        [
            Placed(price, f"/prices/{index}", definition)
            for index, (price, definition) in enumerate(zip(parsed, prices, strict=True))
        ],
    )
    _refuse_unnested(Rhythm(cast("IntervalUnit", interval), interval_count), parsed)
    content: dict[str, Any] = {
        "name": name,
        "currency": currency,
        "interval": interval,
        "interval_count": interval_count,
        "prices": [price.definition() for price in parsed],
    }
    if minimum is not None:
        content["minimum_commitment"] = minimum.amount
    content_hash = sha256_hex(content)
    plan, _ = Plan.objects.get_or_create(project=project, code=code, defaults={"created_at": at})
    lock_plan(plan)
    latest = plan.versions.order_by("-version").first()
    if latest is not None and latest.content_hash == content_hash:
        return CreatedVersion(latest, replayed=True)
    version = PlanVersion.objects.create(
        project=project,
        plan=plan,
        version=1 if latest is None else latest.version + 1,
        name=name,
        currency=currency,
        interval=interval,
        interval_count=interval_count,
        minimum_commitment_minor=None if minimum is None else minimum.minor,
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
        details={"version": version.version},
    )
    return CreatedVersion(version, replayed=False)


def _refuse_unnested(plan_rhythm: Rhythm, prices: Sequence[PlanPrice]) -> None:
    """Refuse a price whose rhythm nests with the plan's and the others' under no anchor."""
    rhythms = [plan_rhythm]
    for index, price in enumerate(prices):
        if price.rhythm is None:
            continue
        rhythms.append(price.rhythm)
        try:
            # Whatever nests on the calendar nests from an anniversary too.
            from_finest(rhythms, "anniversary")
        except UnnestedError as error:
            raise InvalidError(
                f"A period of every {error.rhythm} does not end where one of {error.other} does: "
                "rhythms of one plan nest, such as a month, 3 months and a year.",
                pointer=f"/prices/{index}/interval",
            ) from None


def _parse_minimum(text: str | None, currency: str) -> Money | None:
    if text is None:
        return None
    try:
        minimum = Money.parse(text, currency)
    except ValueError as error:
        raise InvalidError(f"{error}.", pointer="/minimum_commitment") from None
    if minimum.minor < 0:
        raise InvalidError("A minimum commitment is zero or more.", pointer="/minimum_commitment")
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


def refusal_of(error: PriceError, pointer: str = "") -> InvalidError:
    """The refusal of a definition that stands at this pointer in the request."""
    refusal = UnsupportedError if error.code == "unsupported" else InvalidError
    return refusal(error.detail, pointer=f"{pointer}{error.pointer}")


def _parse_prices(prices: Sequence[Mapping[str, Any]]) -> list[PlanPrice]:
    parsed: list[PlanPrice] = []
    for index, definition in enumerate(prices):
        pointer = f"/prices/{index}"
        try:
            price = parse_plan_price(definition)
        except PriceError as error:
            raise refusal_of(error, pointer) from error
        if any(price.code == other.code for other in parsed):
            raise InvalidError(f"There are two prices {price.code!r}.", pointer=f"{pointer}/code")
        parsed.append(price)
    return parsed
