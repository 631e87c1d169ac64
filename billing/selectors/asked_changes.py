"""What a request for a change asks for: checked against the subscription as it stands then."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from billing.models import Plan, PlanVersion, Subscription
from billing.rating.agreement import read_quantities
from billing.rating.decisions import State
from billing.rating.plan import parse_plan_price
from billing.rating.price import PriceError
from billing.rating.timeline import Timeline
from billing.selectors.agreements import (
    Agreed,
    agreed_terms,
    latest_version,
    refuse_unnested,
)
from billing.selectors.drafts import refusal_of
from billing.selectors.price_meters import Placed, meters_of_prices
from neruba.decimals import plain
from neruba.errors import ConflictError, InvalidError, NotFoundError
from neruba.period import parse_instant, rfc3339

# How fees follow a change; not all can be asked for of all.
PRORATED = ("change_plan", "set_quantity", "add_price", "remove_price")


@dataclass(frozen=True, slots=True)
class Asked:
    """A change to be recorded: its content, the version of a plan that it takes, and whether it
    brings meters along.
    """

    type: str
    effective_at: datetime
    content: Mapping[str, Any]
    is_billed_now: bool
    version: PlanVersion | None = None
    meters: bool = False


@dataclass(frozen=True, slots=True)
class _Request:
    """A request, the state that it meets, and when it is to take effect."""

    subscription: Subscription
    timeline: Timeline
    given: Mapping[str, Any]
    at: datetime
    effective_at: datetime

    @property
    def state(self) -> State:
        return self.timeline.state_at(self.effective_at)


Content = tuple[Mapping[str, Any], PlanVersion | None]


def asked_change(
    subscription: Subscription,
    timeline: Timeline,
    *,
    type: str,
    given: Mapping[str, Any],
    at: datetime,
) -> Asked:
    """Read a request; what it leaves out is now, in proportion, with the next invoice.

    Raises InvalidError with a pointer for what makes no sense, NotFoundError for a plan that is not
    there, ConflictError where the subscription has ended by then.
    """
    effective_at = _effective_at(subscription, timeline, type, given, at)
    request = _Request(subscription, timeline, given, at, effective_at)
    if effective_at < timeline.start and type != "cancel":
        raise InvalidError(
            f"The subscription starts at {rfc3339(timeline.start)}.", pointer="/effective_at"
        )
    if timeline.end_at is not None and timeline.end_at <= effective_at:
        raise ConflictError(f"The subscription ends at {rfc3339(timeline.end_at)}.")
    content, version = CONTENTS[type](request)
    proration, invoice = given.get("proration") or "prorate", given.get("invoice") or "next"
    if proration != "prorate" and type not in PRORATED:
        raise InvalidError(f"{type} has no proration to choose.", pointer="/proration")
    if proration == "full_period" and type != "change_plan":
        raise InvalidError("A whole new period begins with a plan.", pointer="/proration")
    how = {
        **({"proration": proration} if proration != "prorate" else {}),
        **({"invoice": invoice} if invoice != "next" else {}),
    }
    return Asked(
        type,
        effective_at,
        {**content, **how},
        is_billed_now=invoice == "now",
        version=version,
        meters=type in ("change_plan", "add_price"),
    )


def _effective_at(
    subscription: Subscription,
    timeline: Timeline,
    type: str,
    given: Mapping[str, Any],
    at: datetime,
) -> datetime:
    asked: datetime | None = given.get("effective_at")
    if type == "cancel":
        return _end(timeline, given, at)
    effective_at = asked or max(at, timeline.start)
    if type == "set_timezone" and effective_at >= timeline.start:
        return _next_boundary(subscription, timeline, effective_at)
    return effective_at


def _end(timeline: Timeline, given: Mapping[str, Any], at: datetime) -> datetime:
    """When a cancellation ends it: now, with the longest period that runs then, or at a time."""
    when: str | None = given.get("at")
    asked: datetime | None = given.get("effective_at")
    if when is not None and asked is not None:
        raise InvalidError("Say `at` or `effective_at`, not both.", pointer="/at")
    if asked is not None:
        return asked
    when = when or "period_end"
    if when == "now":
        return at
    if when == "period_end":
        return running_end(timeline, max(at, timeline.start))
    try:
        return parse_instant(str(when))
    except ValueError as error:
        raise InvalidError(f"now, period_end or a time: {error}", pointer="/at") from error


def running_end(timeline: Timeline, at: datetime) -> datetime:
    """The end of the longest period that runs at an instant: nothing that was paid ahead is cut."""
    stretch = next(one for one in reversed(timeline.stretches) if one.start <= at)
    rhythms = timeline.terms_at(at).rhythms
    schedule = stretch.schedule(rhythms[-1])
    return schedule.boundary(schedule.number_at(at) + 1)


def _next_boundary(subscription: Subscription, timeline: Timeline, at: datetime) -> datetime:
    """The first boundary at or after an instant that was not drafted yet."""
    number = subscription.next_boundary
    while (found := timeline.boundary_at(number)) is not None and found < at:
        number += 1
    if found is None:
        raise ConflictError("No boundary will come from which it could hold.")
    return found


def _change_plan(request: _Request) -> Content:
    given, terms = request.given, request.state.terms
    code = given.get("plan")
    if code is None:
        raise InvalidError("Which plan?", pointer="/plan")
    plan = Plan.objects.filter(project=request.subscription.project, code=code).first()
    if plan is None:
        raise NotFoundError(f"There is no plan {code!r}.", pointer="/plan")
    version = latest_version(plan)
    if version.currency != request.subscription.currency:
        raise InvalidError(
            f"Plan {code!r} is in {version.currency}, the subscription in "
            f"{request.subscription.currency}: nothing is ever converted.",
            pointer="/plan",
        )
    seats = {price.code for price in version.prices.all() if price.kind == "seat"}
    kept = {key: plain(each) for key, each in terms.quantities.items() if key in seats}
    agreed = Agreed(terms.start, terms.anchor, terms.billing_day, terms.zone, terms.basis)
    new = agreed_terms(version, agreed, quantities={**kept, **(given.get("quantities") or {})})
    content = {
        key: each for key, each in new.content().items() if key not in ("trial_end", "end_at")
    }
    return {"terms": content}, version


def _set_quantity(request: _Request) -> Content:
    given, terms = request.given, request.state.terms
    code = given.get("price")
    if code is None:
        raise InvalidError("The quantity of which price?", pointer="/price")
    if code not in terms.quantities:
        raise InvalidError(f"There is no seat price {code!r} then.", pointer="/price")
    return {"price": code, "quantity": _quantity(request, str(code))}, None


def _quantity(request: _Request, code: str) -> str:
    quantity = request.given.get("quantity")
    prices = [price for price in request.state.terms.prices if price.code == code]
    return _read_quantity(prices, code, quantity)


def _read_quantity(prices: Any, code: str, quantity: object) -> str:
    if quantity is None:
        raise InvalidError("How many?", pointer="/quantity")
    try:
        return plain(read_quantities(prices, {code: quantity})[code])
    except PriceError as error:
        raise InvalidError(error.detail, pointer="/quantity") from error


def _add_price(request: _Request) -> Content:
    given = request.given
    definition = given.get("price")
    if not isinstance(definition, Mapping):
        raise InvalidError("A price with its code, kind and model.", pointer="/price")
    try:
        price = parse_plan_price(definition)
    except PriceError as error:
        raise refusal_of(error, "/price") from error
    meters_of_prices(request.subscription.project, [Placed(price, "/price", definition)])
    terms = request.state.terms
    refuse_unnested([*terms.prices, price], terms, pointer="/price/interval")
    content: dict[str, Any] = {"price": price.definition()}
    if price.kind == "seat":
        content["quantity"] = _read_quantity([price], price.code, given.get("quantity"))
    elif given.get("quantity") is not None:
        raise InvalidError(f"A {price.kind} price has no seats.", pointer="/quantity")
    return content, None


def _remove_price(request: _Request) -> Content:
    code = request.given.get("price")
    if not isinstance(code, str):
        raise InvalidError("Which price? Its code.", pointer="/price")
    if not any(price.code == code for price in request.state.terms.prices):
        raise InvalidError(f"There is no price {code!r} then.", pointer="/price")
    return {"price": code}, None


def _pause(request: _Request) -> Content:
    usage = request.given.get("usage") or "billed"
    return ({"usage": "waive"} if usage == "waive" else {}), None


def _nothing(_request: _Request) -> Content:
    return {}, None


def _cancel(request: _Request) -> Content:
    when = request.given.get("at")
    if request.given.get("effective_at") is None and when in (None, "period_end"):
        return {"at": "period_end"}, None
    return {"at": "now" if when == "now" else rfc3339(request.effective_at)}, None


def _end_trial(request: _Request) -> Content:
    if not request.state.in_trial:
        raise ConflictError("The subscription is in no trial then.")
    return {}, None


def _set_timezone(request: _Request) -> Content:
    zone = request.given.get("timezone")
    if zone is None:
        raise InvalidError("Which time zone?", pointer="/timezone")
    return {"timezone": zone}, None


CONTENTS: Mapping[str, Callable[[_Request], Content]] = {
    "change_plan": _change_plan,
    "set_quantity": _set_quantity,
    "add_price": _add_price,
    "remove_price": _remove_price,
    "pause": _pause,
    "resume": _nothing,
    "cancel": _cancel,
    "end_trial": _end_trial,
    "set_timezone": _set_timezone,
}
