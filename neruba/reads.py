"""Many rows, read as they come: a query's rows are never in memory all at once."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.db import connection

ROWS_A_FETCH = 2000


def streamed(query: str, values: Sequence[Any]) -> Iterator[Sequence[Sequence[Any]]]:
    """The rows of a query as the driver gives them, some at a time.

    On MariaDB and MySQL the connection is taken until the last row was; the usual cursor would
    first read them all.
    """
    with _cursor() as cursor:
        cursor.execute(query, values)
        while rows := cursor.fetchmany(ROWS_A_FETCH):
            yield rows


def _cursor() -> Any:
    if connection.vendor != "mysql":
        return connection.chunked_cursor()
    # Only where they are installed.
    from django.db.backends.mysql.base import CursorWrapper  # noqa: PLC0415
    from MySQLdb.cursors import SSCursor  # type: ignore[import-untyped]  # noqa: PLC0415

    connection.ensure_connection()
    unread = CursorWrapper(connection.connection.cursor(SSCursor))
    return connection.make_cursor(unread)  # type: ignore[arg-type]
