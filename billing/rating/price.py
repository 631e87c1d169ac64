"""What every price model has in common: its definition, its law and what a rating returns."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Generic, Protocol, TypeVar

from neruba.decimals import ZERO, add, plain


class PriceError(ValueError):
    """A definition that is no price. `pointer` (RFC 6901) names the field, seen from the price."""

    def __init__(self, pointer: str, code: str, detail: str) -> None:
        super().__init__(f"{pointer or 'price'}: {detail}")
        self.pointer = pointer
        self.code = code
        self.detail = detail


@dataclass(frozen=True, slots=True)
class Step:
    """One row of the arithmetic: `amount` is exactly `quantity` x `unit_amount` + `flat_amount`.

    Amounts are exact, in major units. `text` says the row in words, to be read aloud.
    """

    text: str
    quantity: Decimal
    unit_amount: Decimal
    flat_amount: Decimal
    amount: Decimal

    def evidence(self) -> dict[str, str]:
        """Return the numbers of the row as canonical text, for storing and hashing.

        The words are left out: they follow from the numbers, and may be put better one day.
        """
        return {
            "quantity": plain(self.quantity),
            "unit_amount": plain(self.unit_amount),
            "flat_amount": plain(self.flat_amount),
            "amount": plain(self.amount),
        }


@dataclass(frozen=True, slots=True)
class Rated:
    """The exact price of a quantity: the sum of its steps, which stand in order. Not rounded."""

    amount_exact: Decimal
    steps: tuple[Step, ...]

    @classmethod
    def of(cls, *steps: Step) -> "Rated":
        return cls(add(ZERO, *(step.amount for step in steps)), steps)


class Params(Protocol):
    """The parameters of one price, read from its definition."""

    def definition(self) -> dict[str, object]:
        """Return the canonical definition: complete, decimals as text."""
        ...


P = TypeVar("P", bound=Params)
P_contra = TypeVar("P_contra", bound=Params, contravariant=True)


class Rate(Protocol[P_contra]):
    """Price `quantity` further units when `before` units of the period are already rated."""

    def __call__(
        self, params: P_contra, /, *, before: Decimal | None, quantity: Decimal
    ) -> Rated: ...


@dataclass(frozen=True, slots=True)
class PriceModel(Generic[P]):
    """A way to price a quantity: its name in a definition, its version, and its functions.

    `fields` are the names that a definition may hold beside `model`. `parse` raises PriceError.
    A change that can give another amount or other evidence is a new version; the old one stays.
    """

    name: str
    version: int
    fields: frozenset[str]
    parse: Callable[[Mapping[str, object]], P]
    rate: Rate[P]

    @property
    def law(self) -> str:
        """The versioned id that stands in the evidence, such as `graduated@1`."""
        return f"{self.name}@{self.version}"
