"""Plain values as the text of a statement for MariaDB and MySQL, or as parameters for SQLite.

The driver renders values into the text of a statement anyway, but one call of Python at a time;
that is most of what many rows cost. Text goes through the server's own escaping.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any

from django.db import connection, models

Column = models.Field[Any, Any]
Writer = Callable[[Any], str]


def columns_of(model: type[models.Model], names: Sequence[str]) -> list[Column]:
    """The fields of a model's table by the names of its columns."""
    fields = {field.column: field for field in model._meta.concrete_fields}
    return [fields[name] for name in names]


def writers_of(columns: Sequence[Column]) -> list[Writer]:
    """How a value of each column is written as a literal."""
    escape: Callable[[bytes], bytes] = connection.connection.string_literal
    return [_writer(_storing(column), escape) for column in columns]


def adapted(columns: Sequence[Column], rows: Sequence[Sequence[Any]]) -> Sequence[Sequence[Any]]:
    """The rows with instants and dates as SQLite keeps them."""
    adapters = [
        (index, adapt)
        for index, column in enumerate(columns)
        if (adapt := _adapter(_storing(column))) is not None
    ]
    return [_adapt(row, adapters) for row in rows] if adapters else rows


def _storing(column: Column) -> Column:
    """The field that says how a value is kept: a reference is kept as what it refers to."""
    while isinstance(column, models.ForeignKey):
        column = column.target_field
    return column


def _writer(column: Column, escape: Callable[[bytes], bytes]) -> Writer:
    if isinstance(column, models.IntegerField):  # BigAutoField is one too
        return _integer
    if isinstance(column, models.BinaryField):
        return _binary
    if isinstance(column, models.DateTimeField):
        return _quoted_instant
    if isinstance(column, models.DateField):
        return _quoted_date
    assert isinstance(column, models.CharField | models.TextField), column

    def text(value: str | None) -> str:
        return "NULL" if value is None else escape(value.encode()).decode()

    return text


def _integer(value: int | None) -> str:
    return "NULL" if value is None else int.__repr__(value)


def _binary(value: bytes) -> str:
    return f"x'{value.hex()}'"


def _quoted_instant(value: datetime | None) -> str:
    return "NULL" if value is None else f"'{_instant(value)}'"


def _quoted_date(value: date | None) -> str:
    return "NULL" if value is None else f"'{value.isoformat()}'"


def _adapter(column: Column) -> Callable[[Any], str] | None:
    if isinstance(column, models.DateTimeField):
        return _instant
    return date.isoformat if isinstance(column, models.DateField) else None


def _instant(value: datetime) -> str:
    """As both databases keep it: UTC without a zone. Django's own way takes ten times as long."""
    assert value.tzinfo is UTC, "an instant is stored in UTC"
    return value.isoformat(" ").removesuffix("+00:00")


def _adapt(row: Sequence[Any], adapters: Sequence[tuple[int, Callable[[Any], str]]]) -> list[Any]:
    values = list(row)
    for index, adapt in adapters:
        if values[index] is not None:
            values[index] = adapt(values[index])
    return values
