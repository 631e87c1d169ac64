"""The price models by name. A further model is one file beside this one and one line here."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from billing.rating import flat, graduated, per_unit
from billing.rating.price import Params, PriceError, PriceModel, Rated

MODELS: dict[str, PriceModel[Any]] = {
    model.name: model
    for model in (
        flat.MODEL,
        per_unit.MODEL,
        graduated.MODEL,
    )
}


@dataclass(frozen=True, slots=True)
class Price:
    """A price that was read: its model and its parameters."""

    model: PriceModel[Any]
    params: Params

    @property
    def law(self) -> str:
        """The versioned id of the rule, such as `graduated@1`."""
        return self.model.law

    def rate(self, *, before: Decimal | None, quantity: Decimal) -> Rated:
        """Price `quantity` further units when `before` are already rated (None: the first part).

        Exact, in major units; the invoice line rounds. A negative quantity rates as zero.
        """
        return self.model.rate(self.params, before=before, quantity=quantity)

    def definition(self) -> dict[str, object]:
        """Return the canonical definition: `parse_price` of it gives an equal price."""
        return self.params.definition()


def parse_price(definition: Mapping[str, object]) -> Price:
    """Read `model` and the fields of that model, and nothing else.

    What prices have in common (code, kind, meter and so on) is the catalogue's to read and take
    out. Raises PriceError, whose pointer is seen from the price.
    """
    name = definition.get("model")
    if name is None:
        raise PriceError("/model", "required", "model is missing")
    if not isinstance(name, str) or name not in MODELS:
        raise PriceError("/model", "unknown", f"the model is one of {', '.join(MODELS)}")
    model = MODELS[name]
    fields = {key: value for key, value in definition.items() if key != "model"}
    return Price(model=model, params=model.parse(fields))
