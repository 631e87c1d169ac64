"""Dirty marks: what tells that windows must be rebuilt, in the transaction that made them wrong."""

from collections.abc import Iterable
from datetime import datetime

from ingest.models import DirtyMark
from ingest.selectors.raw import Stream
from neruba.inserts import insert_rows
from neruba.models import Project

COLUMNS = ("project_id", "subject_id", "type", "day")


def mark_dirty(project: Project, touched: Iterable[tuple[Stream, datetime]]) -> None:
    """Mark the UTC days of these instants, each once. Marks are only inserted: updates of shared
    rows deadlock.
    """
    days = sorted({(*stream, effective_at.date()) for stream, effective_at in touched})
    insert_rows(DirtyMark, COLUMNS, [(project.pk, *day) for day in days])
