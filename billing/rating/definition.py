"""Reading the fields of a price definition, as they come from JSON."""

from collections.abc import Mapping
from decimal import Decimal

from billing.rating.price import PriceError
from neruba.decimals import (
    QUANTITY_INTEGER_DIGITS,
    QUANTITY_PLACES,
    UNIT_AMOUNT_INTEGER_DIGITS,
    UNIT_AMOUNT_PLACES,
    multiply,
    parse_decimal,
    plain,
)
from neruba.money import is_currency

ALL = Decimal(100)
HUNDREDTH = Decimal("0.01")
MAX_COUNT = 10**9


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


def read_signed_amount(definition: Mapping[str, object], name: str) -> Decimal:
    """Read an amount in major units of up to 12 decimals, which may be below zero; required."""
    return _number(
        definition,
        name,
        default=None,
        pointer="",
        max_integer_digits=UNIT_AMOUNT_INTEGER_DIGITS,
        max_places=UNIT_AMOUNT_PLACES,
    )


def read_currency(definition: Mapping[str, object], name: str = "currency") -> str:
    """Read the code of a currency in which amounts can be stated; required."""
    code = definition.get(name)
    if code is None:
        raise PriceError(f"/{name}", "required", f"{name} is missing")
    if not isinstance(code, str) or not is_currency(code):
        raise PriceError(f"/{name}", "invalid", f"{name} is a code of ISO 4217, such as USD")
    return code


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


def read_percent(
    definition: Mapping[str, object], name: str, *, default: str | None = None, pointer: str = ""
) -> Decimal:
    """Read a percentage from 0 to 100 of up to 12 decimals: of money that passes, nobody takes more
    than all.
    """
    percent = read_amount(definition, name, default=default, pointer=pointer)
    if percent > ALL:
        raise PriceError(f"{pointer}/{name}", "too_large", f"{name} is at most 100 percent")
    return percent


def read_positive(
    definition: Mapping[str, object], name: str, *, default: str | None = None, pointer: str = ""
) -> Decimal:
    """Read a quantity above 0 of up to 9 decimals; no default: required."""
    quantity = read_quantity(definition, name, default=default, pointer=pointer)
    if not quantity:
        raise PriceError(f"{pointer}/{name}", "not_positive", f"{name} is above zero")
    return quantity


def read_optional_amount(definition: Mapping[str, object], name: str) -> Decimal | None:
    """Read an amount as `read_amount` does; null or left out is None."""
    return None if definition.get(name) is None else read_amount(definition, name)


def percent_text(share: Decimal) -> str:
    """Write a share as the percentage that it was read from."""
    return plain(multiply(share, ALL))


def read_count(definition: Mapping[str, object], name: str) -> int | None:
    """Read a number of things from 0 to 10**9; null or left out is None."""
    if definition.get(name) is None:
        return None
    count = _read(definition, name, default=None, pointer="", max_integer_digits=10, max_places=0)
    if count > MAX_COUNT:
        raise PriceError(f"/{name}", "too_large", f"{name} is at most {MAX_COUNT:,}")
    return int(count)


def read_choice(
    definition: Mapping[str, object], name: str, choices: tuple[str, ...], *, default: str
) -> str:
    """Read one of a few words; null or left out is the default."""
    value = definition.get(name)
    if value is None:
        return default
    if not isinstance(value, str) or value not in choices:
        raise PriceError(f"/{name}", "invalid", f"{name} is one of {', '.join(choices)}")
    return value


def read_boolean(
    definition: Mapping[str, object], name: str, *, default: bool, pointer: str = ""
) -> bool:
    """Read true or false; null or left out is the default."""
    value = definition.get(name)
    if value is None:
        return default
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
    number = _number(
        definition,
        name,
        default=default,
        pointer=pointer,
        max_integer_digits=max_integer_digits,
        max_places=max_places,
    )
    if number < 0:
        place = f"{pointer}/{token(name)}"
        raise PriceError(place, "negative", f"{name} is zero or more, not {definition[name]}")
    return number


def _number(
    definition: Mapping[str, object],
    name: str,
    *,
    default: str | None,
    pointer: str,
    max_integer_digits: int,
    max_places: int,
) -> Decimal:
    place = f"{pointer}/{token(name)}"
    value = definition.get(name)
    if value is None:
        value = default
    if value is None:
        raise PriceError(place, "required", f"{name} is missing")
    if isinstance(value, bool) or not isinstance(value, str | int):
        # A JSON number with a fraction has been a float somewhere, so its digits cannot be trusted.
        raise PriceError(place, "not_a_decimal", f'write {name} as text, such as "0.25"')
    try:
        return parse_decimal(
            str(value), max_integer_digits=max_integer_digits, max_places=max_places
        )
    except ValueError as error:
        raise PriceError(place, "not_a_decimal", str(error)) from None


def token(name: str) -> str:
    """Write a name as a reference token of a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1")
