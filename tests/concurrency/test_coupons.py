"""Rivals for the last redemptions of a coupon: as many win as it allows."""

from functools import partial

import pytest

from billing.errors import CouponExhaustedError
from billing.models import Coupon, Redemption
from billing.services.coupons import Redeemed, redeem_coupon
from neruba.actor import SYSTEM
from neruba.edge import run_atomic
from neruba.models import AuditRecord, Customer
from tests import factories
from tests.concurrency.rivals import at_once, needs_row_locks

pytestmark = [needs_row_locks, pytest.mark.django_db(transaction=True)]

RIVALS = 8


def redeem(coupon: Coupon, customer: Customer) -> Redeemed:
    work = partial(
        redeem_coupon, coupon=coupon, customer=customer, actor=SYSTEM, at=factories.START
    )
    return run_atomic(work)


def test_exactly_as_many_win_as_the_coupon_allows() -> None:
    project = factories.project()
    coupon = factories.coupon(project=project, max_redemptions=3)
    customers = [factories.customer(project=project) for _ in range(RIVALS)]

    results = at_once([partial(redeem, coupon, customer) for customer in customers])

    won = [one for one in results if isinstance(one, Redeemed)]
    lost = [one for one in results if isinstance(one, CouponExhaustedError)]
    assert (len(won), len(lost)) == (3, RIVALS - 3), results
    coupon.refresh_from_db()
    assert coupon.redemptions == Redemption.objects.filter(coupon=coupon).count() == 3
    assert AuditRecord.objects.filter(action="coupon.redeemed").count() == 3


def test_one_customer_redeems_once_and_coupons_are_numbered_without_gaps() -> None:
    project = factories.project()
    customer = factories.customer(project=project)
    coupons = [factories.coupon(project=project, max_redemptions=1) for _ in range(RIVALS // 2)]

    results = at_once([partial(redeem, coupon, customer) for coupon in coupons for _ in range(2)])

    assert not [one for one in results if isinstance(one, Exception)], results
    assert sorted(one.replayed for one in results if isinstance(one, Redeemed)) == [
        *[False] * len(coupons),
        *[True] * len(coupons),
    ]
    numbers = Redemption.objects.filter(customer=customer).values_list("number", flat=True)
    assert sorted(numbers) == [*range(1, len(coupons) + 1)]
    assert set(Coupon.objects.values_list("redemptions", flat=True)) == {1}
