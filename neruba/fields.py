"""Column types that mean the same on every database."""

import hashlib
from typing import Any

from django.core.exceptions import ValidationError
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.functions import Now


def validate_no_outer_space(value: str) -> None:
    """Refuse outer white space: the binary collations of MariaDB and MySQL equate `a` and `a `."""
    if value != value.strip():
        raise ValidationError("Outer white space is not allowed.", code="outer_space")


class IdentifierField(models.CharField[str, str]):
    """Text that is compared byte for byte: `a1`, `A1` and `Á1` are three identifiers.

    MariaDB's and MySQL's default collations equate them, so there the column gets a binary one.
    """

    default_validators = [validate_no_outer_space]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 255)
        super().__init__(*args, **kwargs)

    def db_parameters(self, connection: BaseDatabaseWrapper) -> Any:
        parameters = super().db_parameters(connection)
        if connection.vendor == "mysql":
            parameters["collation"] = "utf8mb4_bin"
        return parameters


class DigestField(models.BinaryField[bytes, bytes]):
    """A SHA-256 digest as 32 raw bytes."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["max_length"] = hashlib.sha256().digest_size
        super().__init__(*args, **kwargs)

    def db_type(self, connection: BaseDatabaseWrapper) -> str | None:
        return "binary(32)" if connection.vendor == "mysql" else super().db_type(connection)

    def from_db_value(self, value: Any, _expression: object, _connection: object) -> bytes | None:
        return None if value is None else bytes(value)


class UtcNow(Now):
    """The real time in UTC, given by the database, as the default of a column that many rows are
    inserted without. MySQL's own `CURRENT_TIMESTAMP` is in the time zone of the session.
    """

    def as_mysql(
        self, compiler: Any, connection: BaseDatabaseWrapper, **extra_context: Any
    ) -> tuple[str, Any]:
        return self.as_sql(compiler, connection, template="UTC_TIMESTAMP(6)", **extra_context)
