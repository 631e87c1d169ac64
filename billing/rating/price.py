"""What every price model has in common: what it reads, its law and what a rating returns."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Generic, Literal, NamedTuple, Protocol, TypeVar

from billing.rating.numbers import Number, add, number_text
from neruba.decimals import ZERO

if TYPE_CHECKING:
    from billing.rating.transform import Transform

Scalar = str | int | Decimal | bool | None
Reads = Literal["quantity", "groups", "events"]


class PriceError(ValueError):
    """A definition that is no price. `pointer` (RFC 6901) names the field, seen from the price."""

    def __init__(self, pointer: str, code: str, detail: str) -> None:
        super().__init__(f"{pointer or 'price'}: {detail}")
        self.pointer = pointer
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class GroupUse:
    """The quantity of the events whose properties have these values, and how many they are."""

    by: Mapping[str, Scalar]
    quantity: Decimal
    events: int


@dataclass(frozen=True, slots=True)
class Measured:
    """What a meter says of a period, before any price: its quantity, rounded as the meter says.

    `groups` are for a price that asks by property, `values` (in order of time, then of arrival) for
    one that goes event by event.
    """

    quantity: Decimal
    groups: tuple[GroupUse, ...] = ()
    values: tuple[Decimal, ...] = ()


class Step(NamedTuple):
    """One row of the arithmetic: `amount` is exactly `quantity` x `unit_amount` + `flat_amount`.

    Amounts are exact, in major units. `say` makes the words of `about` when they are asked for: a
    billing run has no use for them.
    """

    quantity: Number
    unit_amount: Number
    flat_amount: Number
    amount: Number
    say: Callable[..., str]
    about: tuple[object, ...]

    @property
    def text(self) -> str:
        """The row in words, to be read aloud."""
        return self.say(*self.about)

    def evidence(self) -> dict[str, str]:
        """Return the numbers of the row as canonical text, for storing and hashing.

        The words are left out: they follow from the numbers, and may be put better one day.
        """
        return {
            "quantity": number_text(self.quantity),
            "unit_amount": number_text(self.unit_amount),
            "flat_amount": number_text(self.flat_amount),
            "amount": number_text(self.amount),
        }


@dataclass(frozen=True, slots=True)
class Rated:
    """The exact price of a use: the sum of its steps, which stand in order. Not rounded."""

    amount_exact: Number
    steps: tuple[Step, ...]

    @classmethod
    def of(cls, *steps: Step) -> "Rated":
        return cls(add(ZERO, *[step.amount for step in steps]), steps)


class Params(Protocol):
    """The parameters of one price, read from its definition."""

    def definition(self) -> dict[str, object]:
        """Return the canonical definition: complete, decimals as text."""
        ...


P = TypeVar("P", bound=Params)
U = TypeVar("U")
P_contra = TypeVar("P_contra", bound=Params, contravariant=True)
U_contra = TypeVar("U_contra", contravariant=True)


class Rate(Protocol[P_contra, U_contra]):
    """Price a further use when `before` is already rated (None: the first part of a period)."""

    def __call__(
        self, params: P_contra, /, *, before: U_contra | None, more: U_contra
    ) -> Rated: ...


def _no_properties(_: Params) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class PriceModel(Generic[P, U]):
    """A way to price what a meter says: its name in a definition, its version, its functions.

    `fields` are the names that a definition may hold beside `model`; `parse` raises PriceError.
    `reads` says how much of `Measured` it needs, and `properties` which properties of events. `use`
    makes of it what is rated: small, and all that the amount follows from; one that goes event by
    event also asks what was used before. `evidence` is what stands of a use in the evidence beside
    the quantity, `read` its inverse. `join` makes one use of two parts, `convert` applies a
    transform to a use and the one before it. The parts of an `additive` model are priced by what
    they hold, those of the others as the total less the total before. A change that can give
    another amount or other evidence is a new version; the old one stays.
    """

    name: str
    version: int
    fields: frozenset[str]
    parse: Callable[[Mapping[str, object]], P]
    use: Callable[[P, Measured, U | None], U]
    evidence: Callable[[P, U], dict[str, Any]]
    read: Callable[[P, Mapping[str, Any]], U]
    join: Callable[[U, U], U]
    convert: "Callable[[Transform, U | None, U], tuple[U | None, U]]"
    rate: Rate[P, U]
    properties: Callable[[P], tuple[str, ...]] = _no_properties
    reads: Reads = "quantity"
    additive: bool = True

    @property
    def law(self) -> str:
        """The versioned id that stands in the evidence, such as `graduated@1`."""
        return f"{self.name}@{self.version}"
