"""Rating without storing: the calculator behind `POST /rate` and `manage.py rate`.

Both take the same request and give the same answer, by the functions that make invoice lines. Pure.
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from billing.rating.definition import read_currency, refuse_unknown, token
from billing.rating.filters import PriceFilter, parse_filters
from billing.rating.models import Price, parse_price
from billing.rating.numbers import number_text
from billing.rating.plan import COMMON
from billing.rating.price import GroupUse, Measured, PriceError, Scalar
from neruba.decimals import (
    QUANTITY_INTEGER_DIGITS,
    QUANTITY_PLACES,
    ZERO,
    add,
    parse_decimal,
)
from neruba.money import Money, to_minor

FIELDS = frozenset({"price", "currency", "quantity", "events", "before", "is_last"})
PART = ("quantity", "events")
EVENT_FIELDS = frozenset({"value", "properties"})
MAX_EVENTS = 10_000
# What a price of a plan says of other things than its amount.
BESIDE = COMMON


def rate_request(request: object) -> dict[str, Any]:
    """Rate `quantity` or `events` by a `price`, in a `currency`.

    `before` has what of the period was rated already, as `quantity` or `events`; with `is_last`
    false more is to come, and a minimum is not raised to yet. The price's filters choose among
    `events`; what a price of a plan says of other things than its amount is not read. Returns
    `amount_exact`, `amount` (rounded half up, in the currency's digits), `law` and `steps`, and
    with a transform `transformed`: what it does, in words. Raises PriceError, whose pointer is seen
    from the request.
    """
    if not isinstance(request, Mapping):
        raise PriceError("", "not_a_request", "write a request as an object")
    refuse_unknown(request, FIELDS)
    price = _price(request.get("price"))
    filters = _filters(request["price"])
    currency = read_currency(request)
    is_last = request.get("is_last", True)
    if not isinstance(is_last, bool):
        raise PriceError("/is_last", "not_a_boolean", "write true or false")
    before = None
    if request.get("before") is not None:
        given = request["before"]
        if not isinstance(given, Mapping):
            raise PriceError("/before", "not_a_part", "write quantity or events, in an object")
        refuse_unknown(given, frozenset(PART), "/before")
        before = price.use(_measured(given, price, filters, "/before"))
    measured = _measured(request, price, filters, "")
    use = price.use(measured, after=before)
    rated = price.rate(use, before=before, is_last=is_last)
    words = price.conversion(measured.quantity) if price.reads == "quantity" else None
    return {
        "amount_exact": number_text(rated.amount_exact),
        "amount": Money(to_minor(rated.amount_exact, currency, "half_up"), currency).amount,
        "law": price.law,
        **({} if words is None else {"transformed": words}),
        "steps": [{"text": step.text, **step.evidence()} for step in rated.steps],
    }


def _price(given: object) -> Price:
    if given is None:
        raise PriceError("/price", "required", "price is missing")
    if not isinstance(given, Mapping):
        raise PriceError("/price", "not_a_price", "write a price as an object")
    try:
        return parse_price({name: value for name, value in given.items() if name not in BESIDE})
    except PriceError as error:
        raise PriceError(f"/price{error.pointer}", error.code, error.detail) from None


def _filters(given: Mapping[str, object]) -> tuple[PriceFilter, ...]:
    try:
        return parse_filters(given)
    except PriceError as error:
        raise PriceError(f"/price{error.pointer}", error.code, error.detail) from None


def _measured(
    given: Mapping[str, object], price: Price, filters: Sequence[PriceFilter], pointer: str
) -> Measured:
    """What a meter would say: of a quantity, or of events, whose values it adds up: of those that
    the price's filters leave.
    """
    if given.get("events") is None:
        if given.get("quantity") is None:
            raise PriceError(f"{pointer}/quantity", "required", "quantity or events are missing")
        quantity = _decimal(given["quantity"], f"{pointer}/quantity")
        return Measured(quantity, values=(quantity,))
    if given.get("quantity") is not None:
        raise PriceError(f"{pointer}/events", "conflict", "write quantity or events, not both")
    rows = given["events"]
    if not isinstance(rows, list | tuple) or len(rows) > MAX_EVENTS:
        raise PriceError(
            f"{pointer}/events", "not_events", f"a list of up to {MAX_EVENTS:,} events"
        )
    every = (_event(row, f"{pointer}/events/{index}") for index, row in enumerate(rows))
    events = [event for event in every if all(one.holds(event[1]) for one in filters)]
    values = tuple(value for value, _ in events)
    groups: dict[tuple[object, ...], GroupUse] = {}
    for value, properties in events:
        by = {name: properties.get(name) for name in price.properties}
        key = tuple((type(member).__name__, member) for member in by.values())
        known = groups.get(key, GroupUse(by, ZERO, 0))
        groups[key] = GroupUse(by, add(known.quantity, value), known.events + 1)
    return Measured(
        add(ZERO, *values), tuple(groups.values()) if price.reads == "groups" else (), values
    )


def _event(row: object, pointer: str) -> tuple[Decimal, Mapping[str, Scalar]]:
    if not isinstance(row, Mapping):
        raise PriceError(pointer, "not_an_event", "write an event as an object with its value")
    refuse_unknown(row, EVENT_FIELDS, pointer)
    if row.get("value") is None:
        raise PriceError(f"{pointer}/value", "required", "value is missing")
    properties = row.get("properties")
    if properties is None:
        properties = {}
    if not isinstance(properties, Mapping):
        raise PriceError(f"{pointer}/properties", "not_an_object", "write properties as an object")
    for name, value in properties.items():
        if value is not None and not isinstance(value, str | int | Decimal | bool):
            place = f"{pointer}/properties/{token(name)}"
            raise PriceError(place, "not_a_scalar", "a text, a number, true, false or null")
    return _decimal(row["value"], f"{pointer}/value"), properties


def _decimal(value: object, pointer: str) -> Decimal:
    """Read a quantity of up to 9 decimals, which may be below zero."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise PriceError(pointer, "not_a_decimal", 'write a number as text, such as "0.25"')
    try:
        return parse_decimal(
            str(value), max_integer_digits=QUANTITY_INTEGER_DIGITS, max_places=QUANTITY_PLACES
        )
    except ValueError as error:
        raise PriceError(pointer, "not_a_decimal", str(error)) from None
