"""How runs stand."""

from collections.abc import Iterator
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily

from billing.models import BillingRun, RunItem
from neruba.models import Project
from neruba.ops.gauges import age, capped_count, gauge, gauge_by

Status = BillingRun.Status
SHOWN = (Status.PENDING, Status.RUNNING, Status.FAILED)


def billing_gauges(at: datetime) -> Iterator[GaugeMetricFamily]:
    """For `/metrics`, at the wall time `at`. Ages are of live projects, whose clock is the
    wall's.
    """
    runs = BillingRun.objects.all()
    counts: dict[str, int | float] = {
        status.value: capped_count(runs.filter(status=status)) for status in SHOWN
    }
    yield gauge_by("state", "billing_runs", "Runs that are not completed, up to 10,000.", counts)
    ages: dict[str, int | float] = {}
    for status in BillingRun.UNFINISHED:
        begun = runs.filter(status=status, project__mode=Project.Mode.LIVE).order_by("id")
        ages[status.value] = age(at, begun.values_list("created_at", flat=True).first())
    yield gauge_by("state", "billing_run_oldest_seconds", "Age of the oldest.", ages)
    # By project, since the index is.
    projects = list(Project.objects.order_by("id").values_list("id", flat=True))
    parked = RunItem.objects.filter(project__in=projects, state=RunItem.State.FAILED)
    yield gauge(
        "billing_items_parked",
        "Customers that could not be billed, up to 10,000.",
        capped_count(parked),
    )
