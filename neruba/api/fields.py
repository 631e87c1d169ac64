"""Fields that take what the contract says and nothing that merely resembles it: DRF's own would
read 5 as "5".
"""

import re
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from neruba.decimals import parse_decimal, plain
from neruba.money import is_currency
from neruba.period import parse_duration, parse_instant, rfc3339, zone_named

CONTROL = re.compile(r"[\x00-\x1f\x7f]")
MAX_AMOUNT_DIGITS = 15
AMOUNT_PLACES = 4
MAX_METADATA = 50


class Text(serializers.CharField):
    """A JSON string; numbers and booleans are no text."""

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Identifier(Text):
    """A name that the caller chose: compared byte for byte, 1 to 255 characters, no outer white
    space.
    """

    default_error_messages = {
        "outer_space": "Outer white space is not allowed.",
        "control": "Control characters are not allowed.",
    }

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("max_length", 255)
        super().__init__(trim_whitespace=False, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if text != text.strip():
            self.fail("outer_space")
        if CONTROL.search(text):
            self.fail("control")
        return text


class Flag(serializers.BooleanField):
    """true or false."""

    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            self.fail("invalid", input=data)
        return data


class Whole(serializers.IntegerField):
    """A JSON number without a fraction."""

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, int) or isinstance(data, bool):
            self.fail("invalid")
        return super().to_internal_value(data)


class _DecimalText(serializers.Field):  # type: ignore[type-arg]
    """A decimal as text (a whole JSON number will do); given and answered without loss."""

    default_error_messages = {
        "float": (
            "A JSON number with a fraction or an exponent is refused: send the decimal as a string."
        ),
        "type": "Expected a decimal as a string.",
    }
    max_integer_digits = 18
    max_places = 12

    def to_internal_value(self, data: Any) -> str:
        if isinstance(data, Decimal | float):
            self.fail("float")
        if isinstance(data, bool) or not isinstance(data, str | int):
            self.fail("type")
        try:
            value = parse_decimal(
                str(data), max_integer_digits=self.max_integer_digits, max_places=self.max_places
            )
        except ValueError as error:
            raise serializers.ValidationError(str(error), "invalid") from error
        return self.checked(value)

    def checked(self, value: Decimal) -> str:
        return plain(value)

    def to_representation(self, value: Any) -> str:
        return str(value)


@extend_schema_field(OpenApiTypes.STR)
class Amount(_DecimalText):
    """Money in major units. How many digits are right depends on the currency, which `Money.parse`
    knows.
    """

    max_integer_digits = MAX_AMOUNT_DIGITS
    max_places = AMOUNT_PLACES


@extend_schema_field(OpenApiTypes.STR)
class Quantity(_DecimalText):
    """A quantity, exact to 9 decimals."""

    max_places = 9


@extend_schema_field(OpenApiTypes.STR)
class UnitAmount(_DecimalText):
    """A unit price in major units, up to 12 decimals."""


@extend_schema_field(OpenApiTypes.DATETIME)
class Instant(serializers.Field):  # type: ignore[type-arg]
    """RFC 3339 with an offset; answered in UTC with `Z` and microseconds."""

    default_error_messages = {"type": "Expected a time as an RFC 3339 string."}

    def to_internal_value(self, data: Any) -> datetime:
        if not isinstance(data, str):
            self.fail("type")
        try:
            return parse_instant(data)
        except ValueError as error:
            raise serializers.ValidationError(str(error), "invalid") from error

    def to_representation(self, value: datetime) -> str:
        return rfc3339(value)


@extend_schema_field(OpenApiTypes.STR)
class Duration(serializers.Field):  # type: ignore[type-arg]
    """A duration of ISO 8601 in days, hours, minutes, seconds, such as PT24H; only taken."""

    default_error_messages = {"type": "Expected a duration as a string, such as PT24H."}

    def to_internal_value(self, data: Any) -> timedelta:
        if not isinstance(data, str):
            self.fail("type")
        try:
            return parse_duration(data)
        except ValueError as error:
            raise serializers.ValidationError(str(error), "invalid") from error


class Currency(Text):
    """An ISO 4217 code."""

    def to_internal_value(self, data: Any) -> str:
        code = super().to_internal_value(data)
        if not is_currency(code):
            raise serializers.ValidationError(f"{code!r} is no ISO 4217 currency.", "currency")
        return code


class Timezone(Text):
    """A name of the IANA time zone database."""

    def to_internal_value(self, data: Any) -> str:
        name = super().to_internal_value(data)
        try:
            zone_named(name)
        except ValueError as error:
            raise serializers.ValidationError(str(error), "timezone") from error
        return name


@extend_schema_field({"type": "object", "additionalProperties": {"type": "string"}})
class TextMap(serializers.DictField):
    """A flat object of texts, at most 50 entries."""

    child = Text(allow_blank=True, max_length=1000)

    def to_internal_value(self, data: Any) -> dict[Any, Any]:
        values = super().to_internal_value(data)
        if len(values) > MAX_METADATA:
            raise serializers.ValidationError(f"At most {MAX_METADATA} entries.", "max_length")
        return values


class Strict(serializers.Serializer):  # type: ignore[type-arg]
    """A body or a query of which every field is known."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict):
            unknown = [name for name in data if name not in self.fields]
            if unknown:
                raise serializers.ValidationError(
                    {str(name): [ErrorDetail("Unknown field.", "unknown")] for name in unknown}
                )
        return super().to_internal_value(data)
