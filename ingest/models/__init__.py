"""Raw usage, and what is derived from it."""

from ingest.models.event import EventRetraction, FailedEvent, UsageEvent
from ingest.models.fence import Fence, WindowFence
from ingest.models.meter import Meter
from ingest.models.window import DirtyMark, UsageWindow, WindowSeries

__all__ = [
    "DirtyMark",
    "EventRetraction",
    "FailedEvent",
    "Fence",
    "Meter",
    "UsageEvent",
    "UsageWindow",
    "WindowFence",
    "WindowSeries",
]
