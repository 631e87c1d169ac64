"""Models that price nothing but a quantity: what they have in common."""

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from billing.rating.numbers import Number, add
from billing.rating.price import Measured, P, Params, PriceModel, Rate
from billing.rating.transform import convert_quantity
from neruba.decimals import ZERO


def quantity_model(
    *,
    name: str,
    version: int,
    fields: frozenset[str],
    parse: Callable[[Mapping[str, object]], P],
    rate: Rate[P, Number],
    additive: bool = True,
) -> PriceModel[P, Number]:
    """A model whose use is the quantity itself, which stands in the evidence anyway."""
    return PriceModel(
        name=name,
        version=version,
        fields=fields,
        parse=parse,
        use=_use,
        evidence=_evidence,
        read=_read,
        join=add,
        convert=convert_quantity,
        rate=rate,
        additive=additive,
    )


def reach(before: Number | None, more: Number) -> tuple[Number, Number]:
    """Where a part begins and ends on the line of quantities.

    A negative net quantity counts as zero, so neither end lies below zero, nor the second before
    the first.
    """
    if before is None:
        return ZERO, max(more, ZERO)
    start = max(before, ZERO)
    return start, max(add(before, more), start)


def _use(_: Params, measured: Measured, __: Number | None) -> Number:
    return measured.quantity


def _evidence(_: Params, __: Number) -> dict[str, Any]:
    return {}


def _read(_: Params, usage: Mapping[str, Any]) -> Number:
    return Decimal(usage["quantity"])
