"""Raw usage, and what is derived from it."""

from ingest.models.archive import EventArchive
from ingest.models.event import EventRetraction, FailedEvent, UsageEvent
from ingest.models.fence import Fence, WindowFence
from ingest.models.meter import Meter
from ingest.models.window import DirtyMark, UsageWindow, WindowSeries

__all__ = [
    "DirtyMark",
    "EventArchive",
    "EventRetraction",
    "FailedEvent",
    "Fence",
    "Meter",
    "UsageEvent",
    "UsageWindow",
    "WindowFence",
    "WindowSeries",
]
