"""Usage as operators see it."""

from ingest.admin.archive import EventArchiveAdmin
from ingest.admin.event import EventRetractionAdmin, UsageEventAdmin
from ingest.admin.failed_event import FailedEventAdmin
from ingest.admin.meter import MeterAdmin
from ingest.admin.window import DirtyMarkAdmin, UsageWindowAdmin, WindowSeriesAdmin

__all__ = [
    "DirtyMarkAdmin",
    "EventArchiveAdmin",
    "EventRetractionAdmin",
    "FailedEventAdmin",
    "MeterAdmin",
    "UsageEventAdmin",
    "UsageWindowAdmin",
    "WindowSeriesAdmin",
]
