"""The only row locks of billing; global order: run, chunk, customer, coupon, subscription, charges,
number series.
"""

from collections.abc import Collection

from billing.models import BillingRun, Coupon, NumberSeries, Plan, RunChunk, Subscription
from neruba.models import Customer, Project


def lock_run(pk: int) -> BillingRun:
    """The run as it stands now."""
    return BillingRun.objects.select_for_update().get(pk=pk)


def lock_chunk(pk: int) -> RunChunk:
    """The chunk as it stands now."""
    return RunChunk.objects.select_for_update().get(pk=pk)


def lock_customers(project: Project, ids: Collection[int]) -> list[int]:
    """Lock the project's customers of these ids, in the order of their ids, which are returned."""
    rows = Customer.objects.select_for_update().filter(project=project, pk__in=ids)
    return list(rows.order_by("pk").values_list("pk", flat=True))


def lock_subscription(subscription: Subscription) -> Subscription:
    """The subscription as it stands now, its customer locked first."""
    lock_customers(subscription.project, [subscription.customer_id])
    return Subscription.objects.select_for_update().get(pk=subscription.pk)


def lock_coupon(coupon: Coupon) -> Coupon:
    """The coupon as it stands now, whose redemptions are counted one after the other; lock the
    customer first.
    """
    return Coupon.objects.select_for_update().get(pk=coupon.pk)


def lock_plan(plan: Plan) -> Plan:
    """The plan, whose versions are numbered one after the other."""
    return Plan.objects.select_for_update().get(pk=plan.pk)


def lock_series(project: Project, series: str) -> NumberSeries:
    """The row of a number series, made at its first use. Locked until the commit: take it last."""
    NumberSeries.objects.get_or_create(project=project, series=series)
    return NumberSeries.objects.select_for_update().get(project=project, series=series)
