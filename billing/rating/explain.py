"""Lines in words that a support agent can read to a customer: from evidence alone. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from billing.rating.plan import PlanPrice, parse_plan_price
from billing.rating.words import spoken

ONE = Decimal(1)


@dataclass(frozen=True, slots=True)
class ExplainedLine:
    """A line and the sentences that say how its amount came about, in order."""

    line: str
    description: str
    amount: str
    text: tuple[str, ...]


def explain_document(content: Mapping[str, Any]) -> list[ExplainedLine]:
    """Explain each line of an invoice's content."""
    currency = content["currency"]
    return [
        ExplainedLine(
            line["id"],
            line["description"],
            line["amount"],
            tuple(explain_line(line, currency)),
        )
        for line in content["lines"]
    ]


def explain_line(line: Mapping[str, Any], currency: str) -> Iterator[str]:
    """The sentences of one line."""
    evidence = line["evidence"]
    if "charge" in evidence:
        charge = evidence["charge"]
        yield (
            f"A one-off charge of {charge['amount']} {currency}, asked for under the key "
            f"{charge['key']!r}, effective {charge['effective_at']}."
        )
        return
    price = parse_plan_price(evidence["price"])
    plan, policy, period = evidence["plan"], evidence["policy"], evidence["period"]
    yield (
        f"{price.name} of plan {plan['code']!r} (version {plan['version']}), "
        f"{period['starts_on']} up to but not including {period['ends_on']}, {policy['timezone']}."
    )
    if "usage" in evidence:
        yield from _usage(evidence["usage"], price)
    yield from _steps(evidence, price, currency)
    if "share" in evidence:
        yield from _share(evidence["share"], policy)
    yield (
        f"{evidence['amount_exact']} {currency}, rounded {policy['rounding'].replace('_', ' ')} "
        f"to {line['amount']} {currency}."
    )


def _usage(usage: Mapping[str, Any], price: PlanPrice) -> Iterator[str]:
    quantity = Decimal(usage["quantity"])
    events = f"{usage['events']:,} event{'' if usage['events'] == 1 else 's'}"
    how = {"sum": "added up", "max": "the highest of them", "count": "counted"}
    yield (
        f"Meter {usage['meter']!r} ({how.get(usage['aggregation'], usage['aggregation'])}): "
        f"{spoken(quantity)} from {events}, checksum {usage['checksum'][:12]}…"
    )


def _steps(evidence: Mapping[str, Any], price: PlanPrice, currency: str) -> Iterator[str]:
    usage = evidence.get("usage")
    quantity = Decimal(usage["quantity"]) if usage else ONE
    for step in price.price.rate(before=None, quantity=quantity).steps:
        words = step.text[:1].upper() + step.text[1:]
        yield f"{words} = {spoken(step.amount)} {currency}."


def _share(share: Mapping[str, Any], policy: Mapping[str, Any]) -> Iterator[str]:
    if share["numerator"] == share["denominator"]:
        return
    whole = share["whole"]
    yield (
        f"For {share['numerator']} of the {share['denominator']} {share['unit']} of the whole "
        f"period {whole['starts_on']} to {whole['ends_on']} (policy {policy['proration']})."
    )
