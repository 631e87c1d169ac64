"""Usage as operators see it."""

from ingest.admin.event import EventRetractionAdmin, FailedEventAdmin, UsageEventAdmin
from ingest.admin.meter import MeterAdmin
from ingest.admin.window import DirtyMarkAdmin, UsageWindowAdmin, WindowSeriesAdmin

__all__ = [
    "DirtyMarkAdmin",
    "EventRetractionAdmin",
    "FailedEventAdmin",
    "MeterAdmin",
    "UsageEventAdmin",
    "UsageWindowAdmin",
    "WindowSeriesAdmin",
]
