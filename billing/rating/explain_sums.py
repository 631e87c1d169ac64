"""From the lines of an invoice to its total in words: discounts, taxes, and their sum. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

HUNDRED = 100
REASONS = {
    "reverse": "Reverse charge: the recipient owes the tax on it.",
    "exempt": "The customer is exempt from it.",
}


@dataclass(frozen=True, slots=True)
class ExplainedSum:
    """A discount, a tax or the total, and the sentences that say how it came about, in order."""

    description: str
    amount: str
    text: tuple[str, ...]


def explain_sums(content: Mapping[str, Any]) -> list[ExplainedSum]:
    """Explain what stands below the lines of an invoice's content, in the order of the document,
    the total last.
    """
    currency = content["currency"]
    names = {line["id"]: line["description"] for line in content["lines"]}
    answer = [
        ExplainedSum(
            f"Discount {one['name'] or one['coupon']}",
            _minus(one["amount"]),
            tuple(_discount(one, names, currency)),
        )
        for one in content["discounts"]
    ]
    answer += [
        ExplainedSum(
            f"{tax['name']} {tax['rate_percent']} %",
            tax["amount"],
            tuple(_tax(tax, names, currency)),
        )
        for tax in content["taxes"]
    ]
    return [*answer, ExplainedSum("Total", content["total"], (_total(content),))]


def _discount(one: Mapping[str, Any], names: Mapping[str, str], currency: str) -> Iterator[str]:
    if one["percent_off"] is not None:
        yield f"Coupon {one['coupon']!r}: {one['percent_off']} % off what is left of its lines."
    else:
        yield (
            f"Coupon {one['coupon']!r}: {one['amount_off']} {currency} off in each period, at most "
            "what its lines come to."
        )
    yield _spread("taken off", one, names, currency)


def _tax(tax: Mapping[str, Any], names: Mapping[str, str], currency: str) -> Iterator[str]:
    base = f"{tax['base']} {currency}"
    if tax["reason"] is not None:
        yield f"It would be on {base}. {REASONS[tax['reason']]}"
        return
    if tax["inclusive"]:
        yield f"It is part of the prices: {tax['amount']} {currency} beside a net of {base}."
    else:
        exact = Decimal(tax["base"]) * Decimal(tax["rate_percent"]) / HUNDRED
        rounded = Decimal(tax["amount"])
        once = "" if exact == rounded else f" = {_plain(exact)}, rounded once to {tax['amount']}"
        result = once or f" = {tax['amount']}"
        yield f"{tax['rate_percent']} % of {base}, the net of its lines less discounts{result}."
    if len(tax["lines"]) > 1:
        yield _spread("spread over them", tax, names, currency)


def _spread(what: str, one: Mapping[str, Any], names: Mapping[str, str], currency: str) -> str:
    parts = ", ".join(f"{part['amount']} for {names[part['line']]}" for part in one["lines"])
    return f"{one['amount']} {currency} are {what}: {parts}."


def _total(content: Mapping[str, Any]) -> str:
    """The sum as it can be followed with a finger: subtotal, less discounts, plus taxes."""
    subtotal = sum((Decimal(line["amount"]) for line in content["lines"]), Decimal(0))
    words = f"The lines come to {_like(subtotal, content['total'])}"
    off = sum((Decimal(one["amount"]) for one in content["discounts"]), Decimal(0))
    put = sum((Decimal(one["amount"]) for one in content["taxes"]), Decimal(0))
    if content["discounts"]:
        words += f", less {_like(off, content['total'])} of discounts"
    if content["taxes"]:
        words += f", plus {_like(put, content['total'])} of tax"
    if content["discounts"] or content["taxes"]:
        words += f": {content['total']}"
    return f"{words} {content['currency']}."


def _like(value: Decimal, sample: str) -> str:
    """A sum with as many digits as the amounts of the document."""
    places = len(sample.partition(".")[2])
    return f"{value:.{places}f}"


def _plain(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _minus(amount: str) -> str:
    return amount.removeprefix("-") if amount.startswith("-") else f"-{amount}"
