"""Subscriptions: created and canceled as rows of the timeline."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from billing.locks import lock_customers, lock_subscription
from billing.models import Plan, PlanVersion, Subscription, SubscriptionChange
from billing.rating.agreement import overridden_prices, read_quantities
from billing.rating.plan import PlanPrice, parse_plan_price
from billing.rating.price import PriceError
from billing.rating.proration import Basis
from billing.rating.rhythm import Anchor, IntervalUnit, Rhythm, UnnestedError, from_finest
from billing.rating.terms import Terms
from billing.selectors.drafts import refusal_of
from billing.selectors.plans import entitlements_of
from billing.selectors.price_meters import Placed, meters_of_prices
from billing.selectors.timelines import timelines_of
from neruba.actor import Actor
from neruba.canonical import canonical_json
from neruba.errors import ConflictError, InvalidError
from neruba.models import Customer, Project
from neruba.services.audit import record
from neruba.services.customers import refuse_erased

NOTHING: Mapping[str, object] = {}


class MeterAlreadyBilledError(ConflictError):
    """Another active subscription of the customer bills the same meter."""

    code = "meter_already_billed"


@dataclass(frozen=True, slots=True)
class CreatedSubscription:
    """The subscription, and whether the same request had made it before."""

    subscription: Subscription
    replayed: bool


def create_subscription(
    *,
    project: Project,
    external_id: str,
    customer: Customer,
    plan: Plan,
    start_at: datetime | None,
    anchor: str,
    billing_day: int | None,
    timezone: str | None,
    quantities: Mapping[str, object] = NOTHING,
    overrides: Sequence[Mapping[str, object]] = (),
    actor: Actor,
    at: datetime,
) -> CreatedSubscription:
    """Begin a subscription to the plan's latest version, whose prices are copied into the timeline.

    It starts at `start_at` (the past: the next run catches up), or now. Its zone is its own, else
    the customer's, else the project's, for good. `quantities` are the seats by price code, one for
    each seat price; `overrides` prices that replace the plan's for this subscription alone. Raises
    MeterAlreadyBilledError where a second subscription would bill a meter, CustomerErasedError for
    an erased customer, ConflictError where the id is taken with other content, InvalidError for
    quantities and overrides that do not fit the plan.
    """
    lock_customers(project, [customer.pk])
    refuse_erased(customer)
    prior = Subscription.objects.filter(project=project, external_id=external_id).first()
    # A repeat that leaves the start out means the start that the first one was given.
    start = start_at or (prior.start_at if prior is not None else at)
    version = _version(plan, prior)
    terms = _terms(
        version,
        start=start,
        anchor=anchor,
        billing_day=billing_day,
        zone=timezone or customer.timezone or project.timezone,
        basis=project.policy.proration_basis,
        quantities=quantities,
        overrides=overrides,
    )
    if prior is not None:
        return _repeated(project, prior, customer, terms)
    _refuse_shared_meters(project, customer, terms)
    subscription = Subscription.objects.create(
        project=project,
        external_id=external_id,
        customer=customer,
        currency=terms.currency,
        start_at=start,
        created_at=at,
        due_at=start,
    )
    SubscriptionChange.objects.create(
        project=project,
        subscription=subscription,
        number=1,
        type=SubscriptionChange.Type.CREATE,
        effective_at=start,
        requested_at=at,
        actor=actor.name,
        plan_version=version,
        content=canonical_json(terms.content()),
    )
    record(
        project=project,
        actor=actor,
        action="subscription.created",
        on=("subscription", external_id),
        at=at,
        details={"customer": customer.external_id, "plan": terms.plan},
    )
    return CreatedSubscription(subscription, replayed=False)


def cancel_at_period_end(
    *, subscription: Subscription, reason: str, actor: Actor, at: datetime
) -> SubscriptionChange:
    """End a subscription with the period that runs at `at` (its first one, where it has not begun).

    Where its prices have several rhythms, that is the period of the coarsest: nothing that was paid
    ahead is cut.

    Raises ConflictError where an end is decided already.
    """
    project = subscription.project
    locked = lock_subscription(subscription)
    if locked.end_at is not None:
        raise ConflictError("The subscription is canceled already.")
    timeline = timelines_of(project, [locked.pk])[locked.pk]
    schedule = timeline.terms.schedules[timeline.terms.rhythms[-1].code]
    number = schedule.number_at(max(at, timeline.terms.start))
    end = schedule.boundary(number + 1)
    change = SubscriptionChange.objects.create(
        project=project,
        subscription=locked,
        number=timeline.changes + 1,
        type=SubscriptionChange.Type.CANCEL,
        effective_at=end,
        requested_at=at,
        actor=actor.name,
        reason=reason,
        content=canonical_json({"at": "period_end"}),
    )
    Subscription.objects.filter(pk=locked.pk).update(end_at=end)
    record(
        project=project,
        actor=actor,
        action="subscription.canceled",
        on=("subscription", locked.external_id),
        at=at,
        reason=reason,
    )
    return change


def _version(plan: Plan, prior: Subscription | None) -> PlanVersion:
    """The version to agree to: a repeat means the one that the first request took, whatever came
    since.
    """
    if prior is not None:
        taken = prior.changes.select_related("plan_version__plan").get(number=1).plan_version
        if taken is not None and taken.plan_id == plan.pk:
            return taken
    version = plan.versions.order_by("-version").first()
    assert version is not None, "a plan has a version"
    return version


def _terms(
    version: PlanVersion,
    *,
    start: datetime,
    anchor: str,
    billing_day: int | None,
    zone: str,
    basis: str,
    quantities: Mapping[str, object],
    overrides: Sequence[Mapping[str, object]],
) -> Terms:
    if billing_day is not None and anchor != "calendar":
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
    _refuse_unnested(plan_rhythm, prices, placed, anchor)
    return Terms(
        plan=version.plan.code,
        plan_version=version.version,
        currency=version.currency,
        rhythm=plan_rhythm,
        anchor=cast("Anchor", anchor),
        billing_day=billing_day,
        zone=zone,
        basis=cast("Basis", basis),
        start=start,
        prices=prices,
        minimum_commitment_minor=version.minimum_commitment_minor,
        quantities=seats,
        overridden=tuple(price.code for price in prices if price.code in overridden),
        entitlements=entitlements_of(version),
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


def _repeated(
    project: Project, prior: Subscription, customer: Customer, terms: Terms
) -> CreatedSubscription:
    held = timelines_of(project, [prior.pk])[prior.pk].terms
    if (customer.pk, _asked_for(terms)) != (prior.customer_id, _asked_for(held)):
        raise ConflictError(f"Subscription {prior.external_id!r} exists with other content.")
    return CreatedSubscription(prior, replayed=True)


def _asked_for(terms: Terms) -> tuple[object, ...]:
    """What of the terms a request decides."""
    return (
        *(terms.plan, terms.anchor, terms.billing_day, terms.zone, terms.start),
        *(terms.prices, terms.quantities, terms.overridden),
    )


def _refuse_shared_meters(project: Project, customer: Customer, terms: Terms) -> None:
    """An event must have one subscription that bills it."""
    others = Subscription.objects.filter(project=project, customer=customer).exclude(
        end_at__lte=terms.start
    )
    names = dict(others.values_list("pk", "external_id"))
    for pk, timeline in timelines_of(project, names).items():
        shared = sorted(timeline.terms.meters & terms.meters)
        if shared:
            raise MeterAlreadyBilledError(
                f"Meter {shared[0]!r} is billed by subscription {names[pk]!r} already."
            )
