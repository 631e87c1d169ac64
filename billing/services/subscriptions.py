"""Subscriptions: made with the first row of their timeline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from billing.locks import lock_customers
from billing.models import Plan, PlanVersion, Subscription, SubscriptionChange
from billing.rating.decisions import Decision
from billing.rating.terms import Terms
from billing.rating.timeline import Timeline
from billing.selectors.agreements import (
    NOTHING,
    Agreed,
    agreed_terms,
    latest_version,
    refuse_shared_meters,
)
from billing.selectors.timelines import timelines_of
from neruba.actor import Actor
from neruba.canonical import canonical_json
from neruba.errors import ConflictError
from neruba.models import Customer, Project
from neruba.services.audit import record
from neruba.services.customers import refuse_erased


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
    trial_end: datetime | None = None,
    trial_usage: str = "billed",
    end_at: datetime | None = None,
    actor: Actor,
    at: datetime,
) -> CreatedSubscription:
    """Begin a subscription to the plan's latest version, whose prices are copied into the timeline.

    It starts at `start_at` (the past: the next run catches up), or now. Its zone is its own, else
    the customer's, else the project's, until somebody sets another. `quantities` are the seats by
    price code, one for each seat price; `overrides` prices that replace the plan's for this
    subscription alone. Until `trial_end` (left out: the plan's trial, if any) nothing but usage is
    due, or nothing with `trial_usage` `free`; at `end_at` it ends. Raises MeterAlreadyBilledError
    where a second subscription would bill a meter, CustomerErasedError for an erased customer,
    ConflictError where the id is taken with other content, InvalidError for what does not fit the
    plan.
    """
    lock_customers(project, [customer.pk])
    refuse_erased(customer)
    prior = Subscription.objects.filter(project=project, external_id=external_id).first()
    version = _version(plan, prior)
    agreed = Agreed(
        # A repeat that leaves the start out means the start that the first one was given.
        start=start_at or (prior.start_at if prior is not None else at),
        anchor=anchor,
        billing_day=billing_day,
        zone=timezone or customer.timezone or project.timezone,
        basis=project.policy.proration_basis,
        trial_end=trial_end,
        trial_usage=trial_usage,
        end_at=end_at,
    )
    terms = agreed_terms(version, agreed, quantities=quantities, overrides=overrides)
    if prior is not None:
        return _repeated(project, prior, customer, terms)
    subscription = _begin(project, external_id, customer, version, terms, actor=actor, at=at)
    return CreatedSubscription(subscription, replayed=False)


def _begin(
    project: Project,
    external_id: str,
    customer: Customer,
    version: PlanVersion,
    terms: Terms,
    *,
    actor: Actor,
    at: datetime,
) -> Subscription:
    subscription = Subscription(
        project=project,
        external_id=external_id,
        customer=customer,
        currency=terms.currency,
        start_at=terms.start,
        end_at=terms.end_at,
        created_at=at,
        due_at=terms.start,
    )
    content = canonical_json(terms.content())
    creation = Decision(1, "create", terms.start, at, content)
    refuse_shared_meters(subscription, Timeline.of([creation]), since=terms.start)
    subscription.save(force_insert=True)
    SubscriptionChange.objects.create(
        project=project,
        subscription=subscription,
        number=creation.number,
        type=creation.type,
        effective_at=terms.start,
        requested_at=at,
        actor=actor.name,
        plan_version=version,
        content=content,
    )
    record(
        project=project,
        actor=actor,
        action="subscription.created",
        on=("subscription", external_id),
        at=at,
        details={"customer": customer.external_id, "plan": terms.plan},
    )
    return subscription


def _version(plan: Plan, prior: Subscription | None) -> PlanVersion:
    """The version to agree to: a repeat means the one that the first request took, whatever came
    since.
    """
    if prior is not None:
        taken = prior.changes.select_related("plan_version__plan").get(number=1).plan_version
        if taken is not None and taken.plan_id == plan.pk:
            return taken
    return latest_version(plan)


def _repeated(
    project: Project, prior: Subscription, customer: Customer, terms: Terms
) -> CreatedSubscription:
    held = timelines_of(project, [prior.pk])[prior.pk].agreed
    if (customer.pk, _asked_for(terms)) != (prior.customer_id, _asked_for(held)):
        raise ConflictError(f"Subscription {prior.external_id!r} exists with other content.")
    return CreatedSubscription(prior, replayed=True)


def _asked_for(terms: Terms) -> tuple[object, ...]:
    """What of the terms a request decides."""
    return (
        *(terms.plan, terms.anchor, terms.billing_day, terms.zone, terms.start),
        *(terms.prices, terms.quantities, terms.overridden),
        *(terms.trial_end, terms.trial_usage, terms.end_at),
    )
