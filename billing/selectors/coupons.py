"""The coupons that customers redeemed."""

from collections import defaultdict
from collections.abc import Collection
from decimal import Decimal

from billing.models import Redemption
from billing.rating.coupon import RedeemedCoupon
from neruba.models import Project


def redemptions_of(
    project: Project, customer_ids: Collection[int]
) -> dict[int, tuple[RedeemedCoupon, ...]]:
    """What these customers redeemed and nobody ended, by customer id, in order of redemption; one
    without any is left out.
    """
    rows = Redemption.objects.filter(
        project=project, customer__in=customer_ids, ended_at__isnull=True
    )
    found: dict[int, list[RedeemedCoupon]] = defaultdict(list)
    for row in rows.select_related("coupon").order_by("customer", "number"):
        coupon = row.coupon
        found[row.customer_id].append(
            RedeemedCoupon(
                code=coupon.code,
                name=coupon.name,
                percent_off=Decimal(coupon.percent_off) if coupon.percent_off else None,
                amount_off_minor=coupon.amount_off_minor,
                currency=coupon.currency,
                duration=coupon.duration,
                periods=coupon.periods,
                prices=frozenset(coupon.prices),
                number=row.number,
                redeemed_at=row.redeemed_at,
            )
        )
    return {pk: tuple(several) for pk, several in found.items()}
