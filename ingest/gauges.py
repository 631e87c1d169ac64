"""How far windows are behind, and what was refused."""

from collections.abc import Iterator
from datetime import datetime

from prometheus_client.core import GaugeMetricFamily

from ingest.models import DirtyMark, FailedEvent
from neruba.models import Project
from neruba.ops.gauges import age, capped_count, gauge


def ingest_gauges(at: datetime) -> Iterator[GaugeMetricFamily]:
    """For `/metrics`, at the wall time `at`."""
    oldest = DirtyMark.objects.order_by("id").values_list("recorded_at", flat=True).first()
    yield gauge(
        "windows_dirty",
        "Marks of usage that the windows do not hold yet, up to 10,000.",
        capped_count(DirtyMark.objects.all()),
    )
    yield gauge("windows_oldest_dirty_seconds", "How old the oldest mark is.", age(at, oldest))
    # By project, since the index is.
    projects = list(Project.objects.order_by("id").values_list("id", flat=True))
    failed = FailedEvent.objects.filter(project__in=projects, state=FailedEvent.State.OPEN)
    yield gauge("failed_events_open", "Refused events, up to 10,000.", capped_count(failed))
