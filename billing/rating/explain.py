"""Lines in words that a support agent can read to a customer: from evidence alone. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from billing.rating.invoice import use_of_evidence
from billing.rating.plan import PlanPrice, parse_plan_price
from billing.rating.words import spoken

NONE: Mapping[str, str] = {}


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
        return
    if "correction" in evidence:
        yield from _correction(line, currency, numbers.get(line["corrects"]["invoice"]))
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
        yield from _share(evidence["share"], policy)
    rounded = evidence["correction"]["amount_known"] if "correction" in evidence else line["amount"]
    yield from _result(evidence, rounded, currency)


def _result(evidence: Mapping[str, Any], rounded: str, currency: str) -> Iterator[str]:
    """What the steps come to, where one step does not say it already."""
    exact = evidence["amount_exact"]
    if Decimal(exact) != Decimal(rounded):
        how = evidence["policy"]["rounding"].replace("_", " ")
        yield f"That is {exact} {currency}, rounded {how} to {rounded} {currency}."
    elif len(evidence["steps"]) > 1 or _is_part(evidence):
        yield f"That is {rounded} {currency}."


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
    events = f"{usage['events']:,} event{'' if usage['events'] == 1 else 's'}"
    how = {"sum": "added up", "max": "the highest of them", "count": "counted"}
    yield (
        f"Meter {usage['meter']!r} ({how.get(usage['aggregation'], usage['aggregation'])}): "
        f"{spoken(quantity)} from {events}, checksum {usage['checksum'][:12]}…"
    )


def _seats(quantity: str) -> str:
    return f"Licensed quantity: {spoken(Decimal(quantity))}."


def _steps(evidence: Mapping[str, Any], price: PlanPrice, currency: str) -> Iterator[str]:
    for step in price.price.rate(use_of_evidence(price, evidence)).steps:
        words = step.text[:1].upper() + step.text[1:]
        yield f"{words} = {spoken(step.amount)} {currency}."


def _share(share: Mapping[str, Any], policy: Mapping[str, Any]) -> Iterator[str]:
    whole = share["whole"]
    yield (
        f"For {share['numerator']} of the {share['denominator']} {share['unit']} of the whole "
        f"period {whole['starts_on']} to {whole['ends_on']} (policy {policy['proration']})."
    )
