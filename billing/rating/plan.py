"""What every price of a plan has beside its model: read from JSON, written back the same."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

from billing.rating.definition import read_boolean
from billing.rating.filters import PriceFilter, parse_filters
from billing.rating.models import Price, parse_price
from billing.rating.price import PriceError
from billing.rating.rhythm import MAX_COUNT, IntervalUnit, Rhythm

Kind = Literal["recurring", "seat", "usage", "one_time"]
Billing = Literal["in_advance", "in_arrears"]

# Billed again in each period, ahead or after the fact, and prorated.
FEES = ("recurring", "seat")
# The models that price a quantity of things: not a fixed amount, nor money, nor single events.
OF_SEATS = ("per_unit", "graduated", "volume", "package")
COMMON = frozenset(
    {"code", "name", "kind", "meter", "filters", "billing", "prorate", "interval", "interval_count"}
)
# Of a quantity, not of a fixed fee; a transform, of one that is measured.
OF_QUANTITIES = ("minimum_amount", "maximum_amount")
MAX_CODE = 255


@dataclass(frozen=True)
class PlanPrice:
    """One price of a plan: what is billed, when, and by which model.

    `meter` is a code, or None; `filters` say which of its events count, all that hold them.
    `rhythm` is its own where it has one; else it is billed on its plan's.
    """

    code: str
    name: str
    kind: Kind
    billing: Billing
    prorate: bool
    meter: str | None
    price: Price
    filters: tuple[PriceFilter, ...] = ()
    rhythm: Rhythm | None = None

    @property
    def is_fee(self) -> bool:
        """Whether it is a fixed fee, for itself or for each seat."""
        return self.kind in FEES

    def definition(self) -> dict[str, object]:
        """Return the canonical definition: `parse_plan_price` of it gives an equal price."""
        return dict(self._definition)

    @cached_property
    def _definition(self) -> Mapping[str, object]:
        definition: dict[str, object] = {
            "code": self.code,
            "name": self.name,
            "kind": self.kind,
            "billing": self.billing,
            "prorate": self.prorate,
            "meter": self.meter,
            **self.price.definition(),
        }
        if self.filters:
            definition["filters"] = [one.spec() for one in self.filters]
        if self.rhythm is not None:
            definition["interval"] = self.rhythm.interval
            definition["interval_count"] = self.rhythm.count
        return definition


def parse_plan_price(definition: Mapping[str, object]) -> PlanPrice:
    """Read a price of a plan.

    `name` is the code where it is left out; `billing` follows from the kind. A fee is flat; a seat
    has a model of its quantity; both have no meter. Usage has one, and is billed in arrears. Raises
    PriceError, whose pointer is seen from the price.
    """
    code = _read_text(definition, "code")
    kind = _read_choice(definition, "kind", get_args(Kind))
    meter = definition.get("meter")
    if kind == "usage":
        meter = _read_text(definition, "meter")
    elif meter is not None:
        raise PriceError("/meter", "no_meter", "only a usage price has a meter")
    filters = parse_filters(definition)
    if filters and kind != "usage":
        raise PriceError("/filters", "no_meter", "only a usage price has filters")
    default = "in_arrears" if kind == "usage" else "in_advance"
    billing = _read_choice(definition, "billing", get_args(Billing), default=default)
    if kind not in FEES and billing != default:
        raise PriceError("/billing", "invalid", f"a {kind} price is billed {default}")
    model = {k: v for k, v in definition.items() if k not in COMMON}
    price = parse_price(model)
    _refuse_model(kind, price)
    for name in _unfit(kind):
        if definition.get(name) is not None:
            raise PriceError(f"/{name}", "invalid", f"a {kind} price has no {name}")
    return PlanPrice(
        code=code,
        name=_read_text(definition, "name", default=code),
        kind=kind,  # type: ignore[arg-type]
        billing=billing,  # type: ignore[arg-type]
        prorate=read_boolean(definition, "prorate", default=True),
        meter=meter if isinstance(meter, str) else None,
        price=price,
        filters=filters,
        rhythm=_read_rhythm(definition, kind),
    )


def _read_rhythm(definition: Mapping[str, object], kind: str) -> Rhythm | None:
    count = definition.get("interval_count")
    if definition.get("interval") is None:
        if count is not None:
            raise PriceError("/interval_count", "invalid", "interval_count counts an interval")
        return None
    if kind == "one_time":
        raise PriceError("/interval", "invalid", "a one_time price is billed once")
    interval = _read_choice(definition, "interval", get_args(IntervalUnit))
    count = 1 if count is None else count
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= MAX_COUNT:
        raise PriceError(
            "/interval_count", "invalid", f"interval_count is a whole number, 1 to {MAX_COUNT}"
        )
    return Rhythm(interval, count)  # type: ignore[arg-type]


def _unfit(kind: str) -> tuple[str, ...]:
    """What a price of this kind cannot have."""
    if kind == "usage":
        return ()
    return ("transform",) if kind == "seat" else ("transform", *OF_QUANTITIES)


def _refuse_model(kind: str, price: Price) -> None:
    """A model must have what it reads, and must read what the kind is about."""
    name = price.model.name
    if kind == "seat" and name not in OF_SEATS:
        raise PriceError(
            "/model", "invalid", f"a seat is priced by quantity: {', '.join(OF_SEATS)}, not {name}"
        )
    if kind not in ("usage", "seat") and name != "flat":
        raise PriceError("/model", "invalid", f"a {kind} price is flat")


def _read_text(definition: Mapping[str, object], name: str, *, default: str | None = None) -> str:
    value = definition.get(name)
    if value is None:
        value = default
    if value is None:
        raise PriceError(f"/{name}", "required", f"{name} is missing")
    if not isinstance(value, str) or not 0 < len(value) <= MAX_CODE or value != value.strip():
        raise PriceError(f"/{name}", "invalid", f"{name} is text of 1 to {MAX_CODE} characters")
    return value


def _read_choice(
    definition: Mapping[str, object],
    name: str,
    choices: tuple[str, ...],
    *,
    default: str | None = None,
) -> str:
    value = definition.get(name)
    if value is None:
        value = default
    if value is None:
        raise PriceError(f"/{name}", "required", f"{name} is missing")
    if value not in choices:
        raise PriceError(f"/{name}", "invalid", f"{name} is one of {', '.join(choices)}")
    return str(value)
