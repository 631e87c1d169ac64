"""How far the work on received webhooks is behind."""

from collections.abc import Iterator
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily

from neruba.ops.gauges import age, capped_count, gauge
from payments.models import ProviderEventWork

State = ProviderEventWork.State


def payment_gauges(at: datetime) -> Iterator[GaugeMetricFamily]:
    """For `/metrics`, at the wall time `at`."""
    waiting = ProviderEventWork.objects.filter(state=State.WAITING)
    dead = ProviderEventWork.objects.filter(state=State.DEAD)
    oldest = waiting.order_by("id").values_list("received_at", flat=True).first()
    yield gauge(
        "webhooks_waiting",
        "Webhooks to be worked on, up to 10,000.",
        capped_count(waiting),
    )
    yield gauge("webhooks_oldest_waiting_seconds", "How old the oldest is.", age(at, oldest))
    yield gauge(
        "webhooks_dead", "Webhooks that wait for a person, up to 10,000.", capped_count(dead)
    )
