"""What a subscription and a version of a plan agree to: checked, with a pointer to what does not
fit.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from billing.models import Plan, PlanVersion, Subscription
from billing.rating.agreement import overridden_prices, read_quantities
from billing.rating.plan import PlanPrice, parse_plan_price
from billing.rating.price import PriceError
from billing.rating.proration import Basis
from billing.rating.rhythm import Anchor, IntervalUnit, Rhythm, UnnestedError, from_finest
from billing.rating.terms import Terms, TrialUsage
from billing.rating.timeline import Timeline
from billing.selectors.drafts import refusal_of
from billing.selectors.plans import entitlements_of
from billing.selectors.price_meters import Placed, meters_of_prices
from billing.selectors.timelines import timelines_of
from neruba.errors import ConflictError, InvalidError
from neruba.period import local_date, local_midnight

NOTHING: Mapping[str, object] = {}


class MeterAlreadyBilledError(ConflictError):
    """Another active subscription of the customer bills the same meter."""

    code = "meter_already_billed"


@dataclass(frozen=True, slots=True)
class Agreed:
    """What a subscription's creation decides beside its plan. Instants in UTC; a trial that is left
    out is the plan's.
    """

    start: datetime
    anchor: str
    billing_day: int | None
    zone: str
    basis: str
    trial_end: datetime | None = None
    trial_usage: str = "billed"
    end_at: datetime | None = None


def latest_version(plan: Plan) -> PlanVersion:
    """The plan's latest version."""
    version = plan.versions.order_by("-version").first()
    assert version is not None, "a plan has a version"
    return version


def agreed_terms(
    version: PlanVersion,
    agreed: Agreed,
    *,
    quantities: Mapping[str, object] = NOTHING,
    overrides: Sequence[Mapping[str, object]] = (),
) -> Terms:
    """The terms of a subscription to this version. `quantities` are the seats by price code, one
    for each seat price; `overrides` prices that replace the plan's for it alone.

    Raises InvalidError, with a pointer into the request, for what does not fit the plan, and for a
    trial or an end that comes too early.
    """
    if agreed.billing_day is not None and agreed.anchor != "calendar":
        raise InvalidError("Only a calendar anchor has a billing day.", pointer="/billing_day")
    stored = version.prices.order_by("position").values_list("definition", flat=True)
    own = [parse_plan_price(json.loads(definition)) for definition in stored]
    try:
        prices = overridden_prices(own, overrides)
        seats = read_quantities(prices, quantities)
    except PriceError as error:
        raise refusal_of(error) from error
    by_code = {price.code: price for price in prices}
    placed = [
        Placed(by_code[str(override["code"])], f"/overrides/{index}", override)
        for index, override in enumerate(overrides)
    ]
    meters_of_prices(version.project, placed)
    overridden = {one.price.code for one in placed}
    plan_rhythm = Rhythm(cast("IntervalUnit", version.interval), version.interval_count)
    _refuse_unnested(plan_rhythm, prices, placed, agreed.anchor)
    return Terms(
        plan=version.plan.code,
        plan_version=version.version,
        currency=version.currency,
        rhythm=plan_rhythm,
        anchor=cast("Anchor", agreed.anchor),
        billing_day=agreed.billing_day,
        zone=agreed.zone,
        basis=cast("Basis", agreed.basis),
        start=agreed.start,
        prices=prices,
        minimum_commitment_minor=version.minimum_commitment_minor,
        quantities=seats,
        overridden=tuple(price.code for price in prices if price.code in overridden),
        entitlements=entitlements_of(version),
        trial_end=_trial_end(version, agreed),
        trial_usage=cast("TrialUsage", agreed.trial_usage),
        end_at=_end_at(agreed),
    )


def _trial_end(version: PlanVersion, agreed: Agreed) -> datetime | None:
    """As agreed, else at the midnight that so many days of the plan's trial end at."""
    if agreed.trial_end is not None:
        if agreed.trial_end <= agreed.start:
            raise InvalidError("A trial ends after the start.", pointer="/trial_end")
        return agreed.trial_end
    if not version.trial_days:
        return None
    last = local_date(agreed.start, agreed.zone) + timedelta(days=version.trial_days)
    return local_midnight(last, agreed.zone)


def _end_at(agreed: Agreed) -> datetime | None:
    if agreed.end_at is not None and agreed.end_at <= agreed.start:
        raise InvalidError("A subscription ends after its start.", pointer="/end_at")
    return agreed.end_at


def refuse_unnested(prices: Sequence[PlanPrice], terms: Terms, *, pointer: str) -> None:
    """Raises InvalidError where the rhythms of these prices and of the terms do not nest."""
    try:
        rhythms = [terms.rhythm, *(terms.rhythm_of(price) for price in prices)]
        from_finest(rhythms, terms.anchor)
    except UnnestedError as error:
        raise InvalidError(
            f"A period of every {error.rhythm} does not end where one of {error.other} does.",
            pointer=pointer,
        ) from None


def refuse_shared_meters(
    subscription: Subscription, timeline: Timeline, *, since: datetime, pointer: str = ""
) -> None:
    """An event must have one subscription that bills it. Raises MeterAlreadyBilledError where
    another one of the customer's, that has not ended by `since`, bills a meter of the timeline.
    """
    others = Subscription.objects.filter(
        project=subscription.project_id, customer=subscription.customer_id
    ).exclude(end_at__lte=since)
    names = dict(others.exclude(pk=subscription.pk).values_list("pk", "external_id"))
    for pk, other in timelines_of(subscription.project, names).items():
        shared = sorted(other.meters & timeline.meters)
        if shared:
            raise MeterAlreadyBilledError(
                f"Meter {shared[0]!r} is billed by subscription {names[pk]!r} already.",
                **({"pointer": pointer} if pointer else {}),
            )


def _refuse_unnested(
    plan_rhythm: Rhythm, prices: Sequence[PlanPrice], placed: Sequence[Placed], anchor: str
) -> None:
    """What the plan's prices leave open: overrides, and weeks beside days on the calendar."""
    try:
        rhythms = [plan_rhythm, *(price.rhythm for price in prices if price.rhythm is not None)]
        from_finest(rhythms, cast("Anchor", anchor))
    except UnnestedError as error:
        detail = f"A period of every {error.rhythm} does not end where one of {error.other} does."
        for one in placed:
            if one.price.rhythm in (error.rhythm, error.other):
                raise InvalidError(detail, pointer=f"{one.pointer}/interval") from None
        raise InvalidError(f"{detail} They do from an anniversary.", pointer="/anchor") from None
