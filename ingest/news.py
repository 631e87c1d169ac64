"""Telling other apps that the usage of past days may have changed.

Ingest knows no subscription. Who does registers a reader here from its `AppConfig.ready`; whenever
windows are rebuilt, in that transaction, every reader is told which days the marks named.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import date

from ingest.selectors.bounds import ArrivalBound
from ingest.selectors.raw import Stream
from neruba.models import Project

# The UTC days by subject and event type, and how far the order of arrival has come: all that the
# marks told of is within it. The reader holds the subjects' window fences, and may lock customers
# after them.
Reader = Callable[[Project, Mapping[Stream, Collection[date]], ArrivalBound], None]

_readers: list[Reader] = []


def register_reader(reader: Reader) -> None:
    """Tell it of every day whose windows are rebuilt because of a mark."""
    if reader not in _readers:
        _readers.append(reader)


def tell(project: Project, days: Mapping[Stream, Collection[date]], known: ArrivalBound) -> None:
    """Tell every reader, inside the caller's transaction: with the marks the news would be lost."""
    for reader in _readers:
        reader(project, days, known)
