"""The price models by name. A further model is one file beside this one and one line here."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, cast

from billing.rating import (
    dynamic,
    flat,
    graduated,
    graduated_percentage,
    limits,
    matrix,
    package,
    per_unit,
    percentage,
    volume,
)
from billing.rating.limits import Limits, parse_limits
from billing.rating.numbers import Number
from billing.rating.price import Measured, Params, PriceError, PriceModel, Rated, Reads
from billing.rating.transform import Transform, parse_transform

MODELS: dict[str, PriceModel[Any, Any]] = {
    model.name: model
    for model in (
        flat.MODEL,
        per_unit.MODEL,
        graduated.MODEL,
        volume.MODEL,
        package.MODEL,
        percentage.MODEL,
        graduated_percentage.MODEL,
        matrix.MODEL,
        dynamic.MODEL,
    )
}
WHOLE = Fraction(1)
UNLIMITED = Limits()
# What a definition may hold beside the fields of its model.
AROUND = frozenset({"model", "transform", *limits.FIELDS})


@dataclass(frozen=True, slots=True)
class Price:
    """A price that was read: its model and its parameters, and what stands around any model."""

    model: PriceModel[Any, Any]
    params: Params
    transform: Transform | None = None
    limits: Limits = UNLIMITED

    @property
    def law(self) -> str:
        """The versioned id of the rule, such as `graduated@1`."""
        return self.model.law

    @property
    def minimum_amount(self) -> Decimal | None:
        """The least that is asked for a whole period."""
        return self.limits.minimum

    @property
    def maximum_amount(self) -> Decimal | None:
        """The most that is asked for a whole period."""
        return self.limits.maximum

    @property
    def reads(self) -> Reads:
        """How much of what a meter measures it needs."""
        return self.model.reads

    @property
    def properties(self) -> tuple[str, ...]:
        """The properties of events by which it asks for groups, in order; () where it does not."""
        return self.model.properties(self.params)

    def use(self, measured: Measured, *, after: Any = None) -> Any:
        """What of the measured is rated: small, and all that the amount follows from.

        `after` is the use before it, where the period is rated in parts.
        """
        if self.transform is not None and self.reads == "events":
            values = [self.transform.of(value) for value in measured.values]
            measured = Measured(
                measured.quantity, measured.groups, cast("tuple[Decimal, ...]", tuple(values))
            )
        return self.model.use(self.params, measured, after)

    def evidence(self, use: Any) -> dict[str, Any]:
        """What stands of the use in a line's evidence, beside the quantity."""
        return self.model.evidence(self.params, use)

    def read(self, usage_evidence: Mapping[str, Any]) -> Any:
        """The use again, from the `usage` of a line's evidence: the inverse of `evidence`."""
        return self.model.read(self.params, usage_evidence)

    def join(self, first: Any, second: Any) -> Any:
        """One use of two parts, the second of which came after the first."""
        return self.model.join(first, second)

    def rate(
        self, more: Any, *, before: Any = None, is_last: bool = True, part: Fraction = WHOLE
    ) -> Rated:
        """Price a further use when `before` is already rated (None: the first part of a period).

        Exact, in major units; the invoice line rounds. Negative net usage rates as zero. `is_last`
        says that nothing of the period comes after it: only then a minimum is raised to. `part` is
        the share of a whole period, by which the minimum and the maximum are scaled. Law:
        rate(a) + rate(b, before=a) == rate(join(a, b)) for parts that are not negative, the first
        of them with is_last=False.
        """
        if self.transform is not None:
            before, more = self.model.convert(self.transform, before, more)
        rated = self.model.rate(self.params, before=before, more=more)
        if not self.limits:
            return rated
        earlier = None
        if before is not None:
            earlier = self.model.rate(self.params, before=None, more=before).amount_exact
        return self.limits.bounded(rated, earlier, is_last=is_last, part=part)

    def conversion(self, quantity: Number) -> str | None:
        """What a transform makes of a quantity, in words; None without one."""
        return None if self.transform is None else self.transform.words(quantity)

    def definition(self) -> dict[str, object]:
        """Return the canonical definition: `parse_price` of it gives an equal price."""
        definition = self.params.definition()
        if self.transform is not None:
            definition["transform"] = self.transform.definition()
        return {**definition, **self.limits.definition()}


def parse_price(definition: Mapping[str, object]) -> Price:
    """Read `model` and the fields of that model, `transform`, `minimum_amount`, `maximum_amount`,
    and nothing else.

    What prices have in common (code, kind, meter and so on) is the catalogue's to read and take
    out. Raises PriceError, whose pointer is seen from the price.
    """
    name = definition.get("model")
    if name is None:
        raise PriceError("/model", "required", "model is missing")
    if not isinstance(name, str) or name not in MODELS:
        raise PriceError("/model", "unknown", f"the model is one of {', '.join(MODELS)}")
    model = MODELS[name]
    given = definition.get("transform")
    transform = None if given is None else parse_transform(given)
    if (
        transform is not None
        and model.reads == "events"
        and not (transform.whole or transform.ends)
    ):
        raise PriceError(
            "/transform/round", "required", "this division may have no end: say how to round it"
        )
    return Price(
        model=model,
        params=model.parse({k: v for k, v in definition.items() if k not in AROUND}),
        transform=transform,
        limits=parse_limits(definition),
    )
