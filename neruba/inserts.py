"""Many rows by few statements: Django's `bulk_create` spends most of its time on what these rows do
not need.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from django.db import connection, models

from neruba.literals import adapted, columns_of, literal_rows

ROWS_A_STATEMENT = 1000
# Well below the smallest packet that servers take by default, 16 MiB.
CHARACTERS_A_STATEMENT = 2 * 1024 * 1024


def insert_rows(
    model: type[models.Model], columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> None:
    """Insert rows of plain values, instants and dates, in their order. `columns` are names of
    database columns.

    All or none of each statement, of up to 1,000 rows: a duplicate key raises IntegrityError. Wrap
    it in a savepoint to go on after that.
    """
    if not rows:
        return
    into = _into(model, columns)
    with connection.cursor() as cursor:
        if connection.vendor == "mysql":
            for values in _rendered(model, columns, rows):
                cursor.execute(into + ",".join(values))
        else:
            marks = ", ".join(["%s"] * len(columns))
            cursor.executemany(f"{into}({marks})", adapted(columns_of(model, columns), rows))


def insert_rows_for_ids(
    model: type[models.Model], columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> list[int]:
    """Insert rows as `insert_rows` does; return their ids, in their order."""
    if not rows:
        return []
    if connection.vendor != "mysql":
        return _insert_for_ids_on_sqlite(model, columns, rows)
    into, returning = _into(model, columns), connection.features.can_return_rows_from_bulk_insert
    ids: list[int] = []
    with connection.cursor() as cursor:
        for values in _rendered(model, columns, rows):
            cursor.execute(into + ",".join(values) + (" RETURNING id" if returning else ""))
            ids += _returned(cursor) if returning else _consecutive(cursor, len(values))
    assert len(ids) == len(rows)
    return ids


def _insert_for_ids_on_sqlite(
    model: type[models.Model], columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> list[int]:
    """One writer excludes all others there, so that ids follow one another."""
    insert_rows(model, columns, rows)
    with connection.cursor() as cursor:
        cursor.execute("SELECT last_insert_rowid()")
        (last,) = cursor.fetchone()
    return list(range(last - len(rows) + 1, last + 1))


def _into(model: type[models.Model], columns: Sequence[str]) -> str:
    quote = connection.ops.quote_name
    names = ", ".join(quote(name) for name in columns)
    return f"INSERT INTO {quote(model._meta.db_table)} ({names}) VALUES "  # noqa: S608


def _rendered(
    model: type[models.Model], columns: Sequence[str], rows: Sequence[Sequence[Any]]
) -> Iterator[list[str]]:
    """The rows as literals, as many at a time as one statement takes."""
    fields = columns_of(model, columns)
    for first in range(0, len(rows), ROWS_A_STATEMENT):
        values: list[str] = []
        length = 0
        for literals in literal_rows(fields, rows[first : first + ROWS_A_STATEMENT]):
            text = f"({','.join(literals)})"
            if values and length + len(text) > CHARACTERS_A_STATEMENT:
                yield values
                values, length = [], 0
            values.append(text)
            length += len(text)
        yield values


def _returned(cursor: Any) -> list[int]:
    """Ids ascend in the order of the rows; in which order they are returned is not promised."""
    return sorted(pk for (pk,) in cursor.fetchall())


def _consecutive(cursor: Any, rows: int) -> list[int]:
    """The ids that MySQL gave to the rows of one statement: it names the first, and promises that
    the others follow.
    """
    first = cursor.lastrowid
    cursor.execute("SELECT @@auto_increment_increment")
    (step,) = cursor.fetchone()
    return list(range(first, first + rows * step, step))
