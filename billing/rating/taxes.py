"""Tax on the lines of an invoice: for each rate on the sum of the discounted lines that carry it,
rounded once, spread over them. Pure. Source: docs/discounts-and-tax.md; EN 16931, BR-CO-17.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any, Literal

from neruba.decimals import plain
from neruba.money import Money, Rounding, apportion, rounded_minor
from neruba.tax import TaxRateFact

Exemption = Literal["none", "exempt", "reverse"]
HUNDRED = 100


@dataclass(frozen=True, slots=True)
class TaxFacts:
    """The rates that stand side by side on a line, and why none of them is due, if so: `exempt`,
    or `reverse` where the customer owes the tax themselves.
    """

    rates: tuple[TaxRateFact, ...] = ()
    exempt: Exemption = "none"

    def content(self) -> dict[str, Any]:
        """The canonical form: `read` of it gives equal facts."""
        return {
            "exempt": self.exempt,
            "rates": [
                {
                    "code": rate.code,
                    "name": rate.name,
                    "rate_percent": plain(rate.rate_percent),
                    "inclusive": rate.inclusive,
                    "country": rate.country,
                }
                for rate in self.rates
            ],
        }

    @classmethod
    def read(cls, content: Mapping[str, Any]) -> "TaxFacts":
        """Read what `content` wrote."""
        rates = (
            TaxRateFact(
                code=rate["code"],
                name=rate["name"],
                rate_percent=Decimal(rate["rate_percent"]),
                inclusive=rate["inclusive"],
                country=rate["country"],
            )
            for rate in content["rates"]
        )
        return cls(tuple(rates), content["exempt"])


NO_TAX = TaxFacts()


@dataclass(frozen=True, slots=True)
class Taxable:
    """A line as taxes see it: its key, and its amount less discounts in minor units, with the tax
    that is part of it.
    """

    line: str
    amount_minor: int
    tax: TaxFacts


@dataclass(frozen=True, slots=True)
class Tax:
    """One rate on one document: `parts` are the lines that carry it, each with its net less
    discount and its share of the tax, in minor units. `reason` says why nothing is due.
    """

    rate: TaxRateFact
    reason: Literal["exempt", "reverse"] | None
    parts: tuple[tuple[str, int, int], ...]

    @property
    def base_minor(self) -> int:
        return sum(base for _, base, _ in self.parts)

    @property
    def amount_minor(self) -> int:
        return sum(amount for _, _, amount in self.parts)

    def content(self, currency: str) -> dict[str, Any]:
        """The tax in the form that is hashed."""
        return {
            "rate": self.rate.code,
            "name": self.rate.name,
            "rate_percent": plain(self.rate.rate_percent),
            "inclusive": self.rate.inclusive,
            "reason": self.reason,
            "base": Money(self.base_minor, currency).amount,
            "amount": Money(self.amount_minor, currency).amount,
            "lines": [
                {"line": line, "amount": Money(amount, currency).amount}
                for line, _, amount in self.parts
            ],
        }


def taxes_of(lines: Sequence[Taxable], rounding: Rounding) -> tuple[Tax, ...]:
    """The taxes of a document, in the order in which its lines carry them.

    Inclusive rates first: a line's amount a holds a x r / (100 + R) of each, where R is the sum of
    its inclusive rates; what is left is the net, on which the others are put. An exempt line keeps
    its amount as its net. Law: each tax is its exact sum rounded once, and its parts add up to it.
    """
    net = {line.line: line.amount_minor for line in lines}
    keys: dict[tuple[TaxRateFact, str], None] = {}
    for line in lines:
        for rate in line.tax.rates:
            keys[rate, line.tax.exempt] = None
    parts: dict[tuple[TaxRateFact, str], list[int]] = {}
    # Every inclusive tax is taken out of the same amounts, so the nets change only after the last.
    for inclusive in (True, False):
        base = dict(net)
        for key in keys:
            rate, exempt = key
            if rate.inclusive != inclusive:
                continue
            mine = _carrying(lines, key)
            shares = [_share(line, rate, base[line.line]) for line in mine]
            total = rounded_minor(sum(shares, Fraction(0)), rounding) if exempt == "none" else 0
            parts[key] = apportion(total, shares) if exempt == "none" else [0] * len(mine)
            if inclusive:
                for line, part in zip(mine, parts[key], strict=True):
                    net[line.line] -= part
    return tuple(
        Tax(
            rate,
            None if exempt == "none" else exempt,  # type: ignore[arg-type]
            tuple(
                (line.line, net[line.line], part)
                for line, part in zip(
                    _carrying(lines, (rate, exempt)), parts[rate, exempt], strict=True
                )
            ),
        )
        for rate, exempt in keys
    )


def included_minor(amount_minor: int, tax: TaxFacts, rounding: Rounding) -> int:
    """How much of an amount, such as a discount, is inclusive tax, in minor units."""
    whole = _inclusive(tax) if tax.exempt == "none" else Fraction(0)
    return rounded_minor(amount_minor * whole / (HUNDRED + whole), rounding)


def _carrying(lines: Sequence[Taxable], key: tuple[TaxRateFact, str]) -> list[Taxable]:
    rate, exempt = key
    return [line for line in lines if rate in line.tax.rates and line.tax.exempt == exempt]


def _share(line: Taxable, rate: TaxRateFact, base_minor: int) -> Fraction:
    percent = Fraction(rate.rate_percent)
    return base_minor * percent / (HUNDRED + (_inclusive(line.tax) if rate.inclusive else 0))


def _inclusive(tax: TaxFacts) -> Fraction:
    return sum((Fraction(rate.rate_percent) for rate in tax.rates if rate.inclusive), Fraction(0))
