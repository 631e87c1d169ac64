"""The audit history as a file."""

from collections.abc import Iterator

from django.db.models import QuerySet

from neruba.models import AuditRecord
from neruba.sheets import csv_line

COLUMNS = (
    *("id", "at", "recorded_at", "actor_kind", "actor", "action", "object_type", "object_id"),
    *("reason", "origin", "request_id", "details"),
)
ROWS_A_READ = 1000


def csv_lines(rows: QuerySet[AuditRecord]) -> Iterator[str]:
    """A header and a line a row, in the order of `rows`; times as RFC 3339 in UTC. Text that a
    spreadsheet would take for a formula is led by an apostrophe.
    """
    yield csv_line(COLUMNS)
    for row in rows.values_list(*COLUMNS).iterator(chunk_size=ROWS_A_READ):
        yield csv_line(row)
