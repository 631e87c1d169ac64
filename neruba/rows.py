"""Rows of hand-written SQL as the ORM would give them.

For the few queries that every request makes: building and compiling them anew each time takes
several times as long as the database needs to answer.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, TypeVar

from django.db import connection, models

Row = TypeVar("Row", bound=models.Model)
Convert = Callable[[Any, Any, Any], Any]


def columns_of(model: type[models.Model]) -> str:
    """The columns of a model's table, for the list of a SELECT, in the order of its fields."""
    table = model._meta.db_table
    return ", ".join(f"{table}.{field.column}" for field in model._meta.concrete_fields)


def loaded(model: type[Row], values: Sequence[Any]) -> Row:
    """An instance of what the driver gave for `columns_of` the model."""
    names, conversions = _reading(model, connection.vendor)
    converted = list(values)
    for index, column, converters in conversions:
        for convert in converters:
            converted[index] = convert(converted[index], column, connection)
    return model.from_db(connection.alias, names, converted)


@cache
def _reading(
    model: type[models.Model], _vendor: str
) -> tuple[list[str], list[tuple[int, Any, list[Convert]]]]:
    """The names of a model's fields, and how the values of some are read on this database."""
    conversions = []
    for index, field in enumerate(model._meta.concrete_fields):
        column = field.get_col(model._meta.db_table)
        converters = [
            *connection.ops.get_db_converters(column),
            *column.get_db_converters(connection),
        ]
        if converters:
            conversions.append((index, column, converters))
    return [field.attname for field in model._meta.concrete_fields], conversions
