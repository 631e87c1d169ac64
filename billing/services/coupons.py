"""Coupons, and who redeems them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction
from django.db.models import Max

from billing.errors import CouponEndedError, CouponExhaustedError, CouponExpiredError
from billing.locks import lock_coupon, lock_customers
from billing.models import Coupon, Redemption
from neruba.actor import Actor
from neruba.decimals import plain
from neruba.errors import ConflictError, InvalidError
from neruba.models import Customer, Project
from neruba.money import Money
from neruba.percent import parse_percent
from neruba.period import rfc3339
from neruba.services.audit import record
from neruba.services.customers import refuse_erased

CONTENT = (
    "name",
    "percent_off",
    "amount_off_minor",
    "currency",
    "duration",
    "periods",
    "prices",
    "max_redemptions",
    "expires_at",
)


@dataclass(frozen=True, slots=True)
class CreatedCoupon:
    """The coupon, and whether the same request had made it before."""

    coupon: Coupon
    replayed: bool


@dataclass(frozen=True, slots=True)
class Redeemed:
    """The redemption, and whether the customer had redeemed the coupon before."""

    redemption: Redemption
    replayed: bool


def create_coupon(
    *,
    project: Project,
    code: str,
    name: str = "",
    percent_off: str | None = None,
    amount_off: str | None = None,
    currency: str | None = None,
    duration: str = "once",
    periods: int | None = None,
    prices: Sequence[str] = (),
    max_redemptions: int | None = None,
    expires_at: datetime | None = None,
    actor: Actor,
    at: datetime,
    reason: str = "",
) -> CreatedCoupon:
    """Make a coupon that takes a percentage off (above 0, at most 100) or an amount in major units
    of `currency` (left out: the project's), for as long as `duration` and `periods` say, on lines
    of `prices` (empty: all). It is redeemed at most `max_redemptions` times, before `expires_at`.

    The same content again returns the first; another content raises ConflictError. Raises
    InvalidError with a pointer to what makes no sense.
    """
    percent, amount = _given_off(project, percent_off, amount_off, currency)
    _check_periods(duration, periods)
    for index, price in enumerate(prices):
        if price in prices[:index]:
            raise InvalidError(f"Price {price!r} is there twice.", pointer=f"/prices/{index}")
    if max_redemptions is not None and max_redemptions < 1:
        raise InvalidError("At least 1, or null for any number.", pointer="/max_redemptions")
    wanted = Coupon(
        project=project,
        code=code,
        name=name,
        percent_off=percent,
        amount_off_minor=None if amount is None else amount.minor,
        currency="" if amount is None else amount.currency,
        duration=duration,
        periods=periods,
        prices=sorted(prices),
        max_redemptions=max_redemptions,
        expires_at=expires_at,
        created_at=at,
    )
    try:
        with transaction.atomic():
            wanted.save(force_insert=True)
    except IntegrityError:
        return CreatedCoupon(_prior(wanted), replayed=True)
    content = {name: getattr(wanted, name) for name in CONTENT}
    content["expires_at"] = None if expires_at is None else rfc3339(expires_at)
    record(
        project=project,
        actor=actor,
        action="coupon.created",
        on=("coupon", code),
        at=at,
        reason=reason,
        details=content,
    )
    return CreatedCoupon(wanted, replayed=False)


def end_coupon(*, coupon: Coupon, actor: Actor, reason: str, at: datetime) -> Coupon:
    """Nobody redeems it from now on; who has, keeps it. Ending it twice changes nothing."""
    locked = lock_coupon(coupon)
    if locked.ended_at is not None:
        return locked
    locked.ended_at = at
    locked.save(update_fields=["ended_at"])
    record(
        project=locked.project,
        actor=actor,
        action="coupon.ended",
        on=("coupon", locked.code),
        at=at,
        reason=reason,
    )
    return locked


def redeem_coupon(
    *, coupon: Coupon, customer: Customer, actor: Actor, at: datetime, reason: str = ""
) -> Redeemed:
    """Give a customer of the same project the coupon, from `at` on.

    A customer redeems a coupon once: again returns the first, also when nobody else could redeem
    it any more. Raises CouponEndedError (the coupon, or the customer's redemption of it, was
    ended), CouponExpiredError, CouponExhaustedError, CustomerErasedError. Law: whatever happens at
    once, `redemptions` is the number of its redemptions, and never above `max_redemptions`.
    """
    lock_customers(customer.project, [customer.pk])
    refuse_erased(customer)
    locked = lock_coupon(coupon)
    mine = Redemption.objects.filter(project=locked.project, customer=customer)
    prior = mine.filter(coupon=locked).select_related("coupon", "customer").first()
    if prior is not None:
        if prior.ended_at is not None:
            raise CouponEndedError(
                f"Coupon {locked.code!r} was ended for this customer, who redeems it only once."
            )
        return Redeemed(prior, replayed=True)
    _refuse_closed(locked, at)
    last = mine.aggregate(last=Max("number"))["last"] or 0
    redemption = Redemption.objects.create(
        project=locked.project,
        coupon=locked,
        customer=customer,
        number=last + 1,
        redeemed_at=at,
        actor=actor.name,
    )
    locked.redemptions += 1
    locked.save(update_fields=["redemptions"])
    record(
        project=locked.project,
        actor=actor,
        action="coupon.redeemed",
        on=("customer", customer.external_id),
        at=at,
        reason=reason,
        details={"coupon": locked.code},
    )
    return Redeemed(redemption, replayed=False)


def end_redemption(
    *, redemption: Redemption, actor: Actor, at: datetime, reason: str = ""
) -> Redemption:
    """It discounts no document that is issued from now on; what is issued keeps its discount, and
    so do the corrections of it. Ending it twice changes nothing.
    """
    # Documents are issued under the customer's lock, too.
    lock_customers(redemption.project, [redemption.customer_id])
    known = Redemption.objects.select_related("project", "coupon", "customer").get(pk=redemption.pk)
    if known.ended_at is not None:
        return known
    known.ended_at = at
    known.save(update_fields=["ended_at"])
    record(
        project=known.project,
        actor=actor,
        action="coupon.redemption_ended",
        on=("customer", known.customer.external_id),
        at=at,
        reason=reason,
        details={"coupon": known.coupon.code},
    )
    return known


def _given_off(
    project: Project, percent_off: str | None, amount_off: str | None, currency: str | None
) -> tuple[str, Money | None]:
    """What it takes off: the percentage as canonical text, or empty with an amount."""
    if percent_off is None and amount_off is None:
        raise InvalidError("Give percent_off or amount_off.", pointer="/percent_off")
    if percent_off is not None and amount_off is not None:
        raise InvalidError("Give percent_off or amount_off, not both.", pointer="/amount_off")
    if percent_off is not None:
        if currency is not None:
            raise InvalidError("A percentage has no currency.", pointer="/currency")
        try:
            percent = parse_percent(percent_off)
        except ValueError as error:
            raise InvalidError(f"{error}.", pointer="/percent_off") from error
        if not percent:
            raise InvalidError("The percentage must be above zero.", pointer="/percent_off")
        return plain(percent), None
    assert amount_off is not None
    try:
        amount = Money.parse(amount_off, currency or project.currency)
    except ValueError as error:
        raise InvalidError(str(error), pointer="/amount_off") from error
    if amount.minor <= 0:
        raise InvalidError("The amount must be above zero.", pointer="/amount_off")
    return "", amount


def _check_periods(duration: str, periods: int | None) -> None:
    if duration != Coupon.Duration.REPEATING:
        if periods is not None:
            raise InvalidError(
                f"Only a repeating coupon counts periods; this one is {duration}.",
                pointer="/periods",
            )
    elif periods is None or periods < 1:
        raise InvalidError(
            "A repeating coupon says for how many periods, 1 or more.", pointer="/periods"
        )


def _prior(wanted: Coupon) -> Coupon:
    prior = Coupon.objects.filter(project=wanted.project, code=wanted.code).first()
    assert prior is not None, "the code is the only unique key"
    if any(getattr(prior, name) != getattr(wanted, name) for name in CONTENT):
        raise ConflictError(
            f"Coupon {wanted.code!r} exists with other content, and what a coupon gives never "
            "changes: end it, and make a new one with a code of its own."
        )
    return prior


def _refuse_closed(coupon: Coupon, at: datetime) -> None:
    """Raise where nobody redeems the coupon any more; call with it locked."""
    if coupon.ended_at is not None:
        raise CouponEndedError(f"Coupon {coupon.code!r} was ended at {rfc3339(coupon.ended_at)}.")
    if coupon.expires_at is not None and at >= coupon.expires_at:
        raise CouponExpiredError(f"Coupon {coupon.code!r} expired at {rfc3339(coupon.expires_at)}.")
    if coupon.max_redemptions is not None and coupon.redemptions >= coupon.max_redemptions:
        raise CouponExhaustedError(
            f"Coupon {coupon.code!r} may be redeemed {coupon.max_redemptions} times, and was."
        )
