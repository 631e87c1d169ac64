"""What one subscription agrees to beside its plan: prices of its own, and numbers of seats. Pure.

Source: docs/pricing.md, "Overrides" and "Seats".
"""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from billing.rating.definition import read_quantity, token
from billing.rating.plan import PlanPrice, parse_plan_price
from billing.rating.price import PriceError


def overridden_prices(
    prices: Sequence[PlanPrice], overrides: Sequence[Mapping[str, object]]
) -> tuple[PlanPrice, ...]:
    """The plan's prices, in their order, with these in place of those that they name by `code`.

    An override that has a `model` is a whole price, of which nothing comes from the plan but the
    kind. One without a model has only the fields that change; they are laid over the plan's price,
    and a null takes a field back to its default. Raises PriceError for a code that the plan does
    not have, one that is named twice, another kind, and whatever a price is refused for; its
    pointer is seen from the subscription.
    """
    by_code = {price.code: price for price in prices}
    replaced: dict[str, PlanPrice] = {}
    for index, override in enumerate(overrides):
        pointer = f"/overrides/{index}"
        code = override.get("code")
        if code is None:
            raise PriceError(f"{pointer}/code", "required", "code names the price to override")
        if not isinstance(code, str) or code not in by_code:
            raise PriceError(f"{pointer}/code", "unknown", f"the plan has no price {code!r}")
        if code in replaced:
            raise PriceError(f"{pointer}/code", "duplicate", f"there are two overrides of {code!r}")
        replaced[code] = _overridden(by_code[code], override, pointer)
    return tuple(replaced.get(price.code, price) for price in prices)


def read_quantities(prices: Sequence[PlanPrice], given: Mapping[str, object]) -> dict[str, Decimal]:
    """The numbers of seats by price code, in the order of the prices.

    Each seat price needs one: zero or more, with up to 9 decimals. Raises PriceError for a price
    that is none of the plan's or has no seats, and for one whose quantity is missing; its pointer
    is seen from the subscription.
    """
    kinds = {price.code: price.kind for price in prices}
    for code in given:
        pointer = f"/quantities/{token(code)}"
        if code not in kinds:
            raise PriceError(pointer, "unknown", f"the plan has no price {code!r}")
        if kinds[code] != "seat":
            raise PriceError(pointer, "no_seats", f"a {kinds[code]} price has no licensed quantity")
    return {
        price.code: read_quantity(given, price.code, pointer="/quantities")
        for price in prices
        if price.kind == "seat"
    }


def _overridden(price: PlanPrice, override: Mapping[str, object], pointer: str) -> PlanPrice:
    if override.get("model") is not None:
        definition: dict[str, object] = {"kind": price.kind, **override}
    else:
        laid_over = {**price.definition(), **override}
        definition = {name: value for name, value in laid_over.items() if value is not None}
    try:
        parsed = parse_plan_price(definition)
    except PriceError as error:
        raise PriceError(f"{pointer}{error.pointer}", error.code, error.detail) from error
    if parsed.kind != price.kind:
        raise PriceError(
            f"{pointer}/kind", "invalid", f"an override of a {price.kind} price is {price.kind} too"
        )
    return parsed
