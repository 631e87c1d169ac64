"""The audit history as a file."""

import csv
from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from neruba.models import AuditRecord
from neruba.period import rfc3339

COLUMNS = (
    *("id", "at", "recorded_at", "actor_kind", "actor", "action", "object_type", "object_id"),
    *("reason", "origin", "request_id", "details"),
)
ROWS_A_READ = 1000
FORMULA = ("=", "+", "-", "@", "\t", "\r")


class _Line:
    """What csv writes to: the line itself."""

    def write(self, line: str) -> str:
        return line


def csv_lines(rows: QuerySet[AuditRecord]) -> Iterator[str]:
    """A header and a line a row, in the order of `rows`; times as RFC 3339 in UTC. Text that a
    spreadsheet would take for a formula is led by an apostrophe.
    """
    writer: Any = csv.writer(_Line())
    yield writer.writerow(COLUMNS)
    for row in rows.values_list(*COLUMNS).iterator(chunk_size=ROWS_A_READ):
        yield writer.writerow([_cell(value) for value in row])


def _cell(value: object) -> object:
    if hasattr(value, "isoformat"):
        return rfc3339(value)  # type: ignore[arg-type]
    if isinstance(value, str) and value.startswith(FORMULA):
        return f"'{value}"
    return value
