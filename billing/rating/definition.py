"""Reading the fields of a price definition, as they come from JSON."""

from collections.abc import Mapping
from decimal import Decimal

from billing.rating.price import PriceError
from neruba.decimals import (
    QUANTITY_INTEGER_DIGITS,
    QUANTITY_PLACES,
    UNIT_AMOUNT_INTEGER_DIGITS,
    UNIT_AMOUNT_PLACES,
    parse_decimal,
)


def refuse_unknown(
    definition: Mapping[str, object], known: frozenset[str], pointer: str = ""
) -> None:
    """Raise PriceError `unknown` for the first field, by the alphabet, that is not known."""
    for name in sorted(definition.keys() - known):
        raise PriceError(f"{pointer}/{token(name)}", "unknown", f"{name!r} is not a field here")


def read_amount(
    definition: Mapping[str, object], name: str, *, default: str | None = None, pointer: str = ""
) -> Decimal:
    """Read an amount >= 0 in major units of up to 12 decimals; no default: required."""
    return _read(
        definition,
        name,
        default=default,
        pointer=pointer,
        max_integer_digits=UNIT_AMOUNT_INTEGER_DIGITS,
        max_places=UNIT_AMOUNT_PLACES,
    )


def read_quantity(
    definition: Mapping[str, object], name: str, *, default: str | None = None, pointer: str = ""
) -> Decimal:
    """Read a quantity >= 0 of up to 9 decimals; no default: required."""
    return _read(
        definition,
        name,
        default=default,
        pointer=pointer,
        max_integer_digits=QUANTITY_INTEGER_DIGITS,
        max_places=QUANTITY_PLACES,
    )


def read_boolean(
    definition: Mapping[str, object], name: str, *, default: bool, pointer: str = ""
) -> bool:
    """Read true or false."""
    value = definition.get(name, default)
    if not isinstance(value, bool):
        raise PriceError(f"{pointer}/{name}", "not_a_boolean", "write true or false")
    return value


def _read(
    definition: Mapping[str, object],
    name: str,
    *,
    default: str | None,
    pointer: str,
    max_integer_digits: int,
    max_places: int,
) -> Decimal:
    place = f"{pointer}/{token(name)}"
    value = definition.get(name, default)
    if value is None:
        raise PriceError(place, "required", f"{name} is missing")
    if isinstance(value, bool) or not isinstance(value, str | int):
        # A JSON number with a fraction has been a float somewhere, so its digits cannot be trusted.
        raise PriceError(place, "not_a_decimal", f'write {name} as text, such as "0.25"')
    try:
        number = parse_decimal(
            str(value), max_integer_digits=max_integer_digits, max_places=max_places
        )
    except ValueError as error:
        raise PriceError(place, "not_a_decimal", str(error)) from None
    if number < 0:
        raise PriceError(place, "negative", f"{name} is zero or more, not {value}")
    return number


def token(name: str) -> str:
    """Write a name as a reference token of a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")
