"""Many rows changed by one statement, each to values of its own."""

from collections.abc import Sequence
from typing import Any

from django.db import connection, models

from neruba.literals import adapted, columns_of, literal_rows

ROWS_A_STATEMENT = 500


def update_rows(
    model: type[models.Model], columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> None:
    """Set `columns`, names of database columns, of the row whose id stands first in each of `rows`,
    the new values behind it.

    Law: as if each row were updated by itself; an id stands there once. Django's `bulk_update`
    writes a CASE for each column, which the server walks for each row.
    """
    if not rows:
        return
    quote = connection.ops.quote_name
    table, names = quote(model._meta.db_table), [quote(name) for name in columns]
    fields = columns_of(model, ["id", *columns])
    with connection.cursor() as cursor:
        if connection.vendor != "mysql":
            sets = ", ".join(f"{name} = %s" for name in names)
            last = [[*values, pk] for pk, *values in adapted(fields, rows)]
            cursor.executemany(f"UPDATE {table} SET {sets} WHERE id = %s", last)  # noqa: S608
            return
        sets = ", ".join(f"t.{name} = v.{name}" for name in names)
        for first in range(0, len(rows), ROWS_A_STATEMENT):
            head, *tail = literal_rows(fields, rows[first : first + ROWS_A_STATEMENT])
            # The first one names the columns of all.
            named = [f"{value} AS {name}" for value, name in zip(head, ["id", *names], strict=True)]
            selects = [",".join(row) for row in (named, *tail)]
            cursor.execute(
                f"UPDATE {table} t JOIN (SELECT {' UNION ALL SELECT '.join(selects)}) v "  # noqa: S608
                f"ON v.id = t.id SET {sets}"
            )
