"""Lines in words that a support agent can read to a customer: from evidence alone. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from billing.rating.filters import PriceFilter
from billing.rating.invoice import part_of_evidence, use_of_evidence
from billing.rating.lines import rate
from billing.rating.minimum import due_of_evidence
from billing.rating.plan import PlanPrice, parse_plan_price
from billing.rating.words import counted, spoken
from neruba.money import Money

NONE: Mapping[str, str] = {}
AGGREGATED = {
    "count": "counted",
    "sum": "added up",
    "max": "the highest of them",
    "min": "the lowest of them",
    "latest": "the latest of them",
    "unique_count": "different ones",
    "weighted_sum": "the level, averaged over the period",
}


@dataclass(frozen=True, slots=True)
class ExplainedLine:
    """A line and the sentences that say how its amount came about, in order."""

    line: str
    description: str
    amount: str
    text: tuple[str, ...]


def explain_document(
    content: Mapping[str, Any], numbers: Mapping[str, str] = NONE
) -> list[ExplainedLine]:
    """Explain each line of an invoice's content. `numbers` are those of the invoices that lines
    correct, by operation key.
    """
    currency = content["currency"]
    return [
        ExplainedLine(
            line["id"],
            line["description"],
            line["amount"],
            tuple(explain_line(line, currency, numbers)),
        )
        for line in content["lines"]
    ]


def explain_line(
    line: Mapping[str, Any], currency: str, numbers: Mapping[str, str] = NONE
) -> Iterator[str]:
    """The sentences of one line."""
    evidence = line["evidence"]
    if "charge" in evidence:
        charge = evidence["charge"]
        yield (
            f"A one-off charge of {charge['amount']} {currency}, asked for under the key "
            f"{charge['key']!r}, effective {charge['effective_at']}."
        )
        yield from _included(line, currency)
        return
    number = numbers.get(line["corrects"]["invoice"]) if line["corrects"] else None
    if "minimum" in evidence:
        yield from _minimum(evidence, currency, number)
        yield from _included(line, currency)
        return
    if "correction" in evidence:
        yield from _correction(line, currency, number)
    price = parse_plan_price(evidence["price"])
    plan, policy, period = evidence["plan"], evidence["policy"], evidence["period"]
    yield (
        f"{price.name} of plan {plan['code']!r} (version {plan['version']}), "
        f"{period['starts_on']} up to but not including {period['ends_on']}, {policy['timezone']}."
    )
    if "usage" in evidence:
        yield from _usage(evidence["usage"], price)
    if "quantity" in evidence:
        yield _seats(evidence["quantity"])
    yield from _steps(evidence, price, currency)
    if _is_part(evidence):
        of = "Its minimum and maximum are for" if "usage" in evidence else "For"
        yield from _share(evidence["share"], policy, of)
    gross = evidence["included_tax"]["gross"] if "included_tax" in evidence else line["amount"]
    rounded = evidence["correction"]["amount_known"] if "correction" in evidence else gross
    yield from _result(evidence, rounded, currency)
    yield from _included(line, currency)


def _result(evidence: Mapping[str, Any], rounded: str, currency: str) -> Iterator[str]:
    """What the steps come to, where one step does not say it already."""
    exact = evidence["amount_exact"]
    if Decimal(exact) != Decimal(rounded):
        how = evidence["policy"]["rounding"].replace("_", " ")
        yield f"That is {exact} {currency}, rounded {how} to {rounded} {currency}."
    elif len(evidence["steps"]) > 1 or _is_part(evidence):
        yield f"That is {rounded} {currency}."


def _included(line: Mapping[str, Any], currency: str) -> Iterator[str]:
    """What inclusive tax leaves of the line."""
    included = line["evidence"].get("included_tax")
    if included is not None:
        yield (
            f"The {included['gross']} {currency} of this line include {included['tax']} {currency} "
            f"of tax: {line['amount']} {currency} net."
        )


def _minimum(evidence: Mapping[str, Any], currency: str, number: str | None) -> Iterator[str]:
    """A plan's minimum, or what corrects it."""
    minimum, plan, period = evidence["minimum"], evidence["plan"], evidence["period"]
    days = f"{period['starts_on']} up to but not including {period['ends_on']}"
    if "amount_billed" in minimum:
        before, after = minimum["amount_billed"], minimum["amount_known"]
        yield (
            f"Correction of {number or f'the period {days}'}: {before} {currency} of the minimum "
            f"were billed and {after} {currency} are due now: "
            f"{after} − {before} = {Decimal(after) - Decimal(before)} {currency}."
        )
    yield (
        f"Plan {plan['code']!r} (version {plan['version']}) comes to {minimum['commitment']} "
        f"{currency} at least, {days}, {evidence['policy']['timezone']}."
    )
    due = Money(due_of_evidence(evidence, currency), currency).amount
    if _is_part(evidence):
        yield from _share(evidence["share"], evidence["policy"])
        yield f"That is {due} {currency}."
    reached, elsewhere = minimum["counted"], minimum.get("counted_on_other_documents", "0")
    there = f", {elsewhere} {currency} of it on other documents" if Decimal(elsewhere) else ""
    yield f"Its lines of that period, less discounts, come to {reached} {currency}{there}."
    left = Decimal(due) - Decimal(reached)
    if left > 0:
        yield f"{due} − {reached} = {left} {currency} are missing."
    else:
        yield "Nothing is missing."


def _is_part(evidence: Mapping[str, Any]) -> bool:
    share = evidence.get("share")
    return share is not None and share["numerator"] != share["denominator"]


def _correction(line: Mapping[str, Any], currency: str, number: str | None) -> Iterator[str]:
    evidence = line["evidence"]
    usage, period, correction = evidence["usage"], evidence["period"], evidence["correction"]
    billed, known = Decimal(correction["quantity_billed"]), Decimal(usage["quantity"])
    before, after = correction["amount_billed"], correction["amount_known"]
    name = number or f"the period {period['starts_on']} up to {period['ends_on']}"
    yield (
        f"Correction of {name}: meter {usage['meter']!r} stood at {spoken(billed)} when it was "
        f"billed and stands at {spoken(known)} now: "
        f"{after} − {before} = {Decimal(after) - Decimal(before)} {currency}."
    )


def _usage(usage: Mapping[str, Any], price: PlanPrice) -> Iterator[str]:
    quantity = Decimal(usage["quantity"])
    how = AGGREGATED.get(usage["aggregation"], usage["aggregation"])
    yield (
        f"Meter {usage['meter']!r} ({how}): {spoken(quantity)} from "
        f"{counted(usage['events'], 'event')}, checksum {usage['checksum'][:12]}…"
    )
    if price.filters:
        yield f"Only events with {' and '.join(map(_filter, price.filters))} count for this price."
    converted = price.price.conversion(quantity) if price.price.reads == "quantity" else None
    if converted is not None:
        yield f"{converted[:1].upper()}{converted[1:]}."


def _filter(one: PriceFilter) -> str:
    return f"{one.property} {' or '.join('none' if v is None else str(v) for v in one.values)}"


def _seats(quantity: str) -> str:
    return f"Licensed quantity: {spoken(Decimal(quantity))}."


def _steps(evidence: Mapping[str, Any], price: PlanPrice, currency: str) -> Iterator[str]:
    rated, _ = rate(price, use_of_evidence(price, evidence), part_of_evidence(evidence))
    for step in rated.steps:
        words = step.text[:1].upper() + step.text[1:]
        yield f"{words} = {spoken(step.amount)} {currency}."


def _share(share: Mapping[str, Any], policy: Mapping[str, Any], of: str = "For") -> Iterator[str]:
    whole = share["whole"]
    yield (
        f"{of} {share['numerator']} of the {share['denominator']} {share['unit']} of the whole "
        f"period {whole['starts_on']} to {whole['ends_on']} (policy {policy['proration']})."
    )
