"""Lines in words that a support agent can read to a customer: from evidence alone. Pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from billing.rating.changed import kept_of_credit
from billing.rating.filters import PriceFilter
from billing.rating.invoice import part_of_evidence, use_of_evidence
from billing.rating.lines import WHOLE, rate
from billing.rating.minimum import due_of_evidence
from billing.rating.parts import part_minor
from billing.rating.plan import PlanPrice, parse_plan_price
from billing.rating.proration import Share
from billing.rating.words import counted, spoken
from neruba.money import Money
from neruba.period import parse_instant, zone_named

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
    number = numbers.get(line["corrects"]["invoice"]) if line["corrects"] else None
    if "charge" in evidence:
        charge = evidence["charge"]
        yield (
            f"A one-off charge of {charge['amount']} {currency}, asked for under the key "
            f"{charge['key']!r}, effective {charge['effective_at']}."
        )
    elif "minimum" in evidence:
        yield from _minimum(evidence, currency, number)
    elif "credit" in evidence:
        yield from _credit(line, currency, number)
    else:
        if "correction" in evidence:
            yield from _correction(line, currency, number)
        yield from _priced(line, currency)
    yield from _included(line, currency)


def _priced(line: Mapping[str, Any], currency: str) -> Iterator[str]:
    """What a price comes to."""
    evidence = line["evidence"]
    price = parse_plan_price(evidence["price"])
    plan, policy, period = evidence["plan"], evidence["policy"], evidence["period"]
    yield (
        f"{price.name} of plan {plan['code']!r} (version {plan['version']}), "
        f"{period['starts_on']} up to but not including {period['ends_on']}, {policy['timezone']}."
    )
    if line["kind"] == "proration":
        yield f"Due since a change, from {_span(line['period'], policy['timezone'])}."
    if "parts" in evidence:
        spans = ", and from ".join(_span(one, policy["timezone"]) for one in evidence["parts"])
        yield f"This price is in force from {spans}: the usage of that time counts."
    if "usage" in evidence:
        yield from _usage(evidence["usage"], price)
    if "quantity" in evidence:
        yield _seats(evidence["quantity"])
    yield from _steps(evidence, price, part_of_evidence(evidence), currency)
    if _is_part(evidence):
        of = "Its minimum and maximum are for" if "usage" in evidence else "For"
        yield from _share(evidence["share"], policy, of)
    if "before" in evidence.get("share", {}):
        yield _after_others(evidence, price, currency)
        return
    gross = evidence["included_tax"]["gross"] if "included_tax" in evidence else line["amount"]
    rounded = evidence["correction"]["amount_known"] if "correction" in evidence else gross
    yield from _result(evidence, rounded, currency)


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
    due = Money(due_of_evidence(evidence, currency), currency).amount
    for part in minimum.get("parts") or [{"plan": plan, "commitment": minimum.get("commitment")}]:
        yield (
            f"Plan {part['plan']['code']!r} (version {part['plan']['version']}) comes to "
            f"{part['commitment']} {currency} at least, {days}, {evidence['policy']['timezone']}."
        )
        if "share" in part:
            yield from _share(part["share"], evidence["policy"], "It holds for")
    if "parts" in minimum:
        yield f"Together that is {due} {currency}."
    elif _is_part(evidence):
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


def _credit(line: Mapping[str, Any], currency: str, number: str | None) -> Iterator[str]:
    """What a change takes back of a fee that was billed."""
    evidence = line["evidence"]
    credit, share, policy = evidence["credit"], evidence["share"], evidence["policy"]
    price, period = parse_plan_price(evidence["price"]), evidence["period"]
    of, unit = share["denominator"], share["unit"]
    yield (
        f"Credit on {number or 'what was billed'}: {price.name}, billed for the period "
        f"{period['starts_on']} up to but not including {period['ends_on']}, is due no more from "
        f"{_span(line['period'], policy['timezone'])}: {credit['unused']} of {of} {unit}."
    )
    if "quantity" in evidence:
        yield _seats(evidence["quantity"])
    yield from _steps(evidence, price, WHOLE, currency)
    net = credit["net"]
    less = f", {net} less discounts" if net != credit["amount"] else ""
    yield f"The line came to {credit['amount']} {currency}{less}."
    if share["numerator"]:
        yield from _share(share, policy, "It is kept for")
    kept, taken = Money(kept_of_credit(evidence, currency), currency).amount, [net]
    yield f"{kept} {currency} of it are kept." if share["numerator"] else "Nothing of it is kept."
    if Decimal(credit["credited"]):
        yield f"{credit['credited']} {currency} were credited before."
        taken.append(credit["credited"])
    if Decimal(credit["given_back"]):
        yield f"{credit['given_back']} {currency} were given back by credit notes."
    if Decimal(kept) or len(taken) == 1:
        taken.append(kept)
    gross = evidence["included_tax"]["gross"] if "included_tax" in evidence else line["amount"]
    back, left = -Decimal(gross), Decimal(net) - sum(map(Decimal, taken[1:]))
    sums = f"{' − '.join(taken)} = {left} {currency}"
    if back == left:
        yield f"{sums} come back."
    else:
        yield f"{sums}; what is left of it comes back: {back} {currency}."


def _span(period: Mapping[str, str], zone: str) -> str:
    """A part of a period by the clock of its zone."""
    start, end = (
        parse_instant(period[side]).astimezone(zone_named(zone)).replace(tzinfo=None)
        for side in ("start", "end")
    )
    return f"{start} up to {end} ({zone})"


def _after_others(evidence: Mapping[str, Any], price: PlanPrice, currency: str) -> str:
    """How a part follows from all parts so far: so that the parts of an amount sum to it."""
    share, rounding = evidence["share"], evidence["policy"]["rounding"]
    before, of, unit = share["before"], share["denominator"], share["unit"]
    whole = price.price.rate(use_of_evidence(price, evidence)).amount_exact
    upto = min(before + share["numerator"], of)
    minor, earlier = (
        part_minor(whole, Share(n, of, unit), before=0, currency=currency, rounding=rounding)
        for n in (upto, before)
    )
    first, second = Money(minor, currency).amount, Money(earlier, currency).amount
    return (
        f"{before} {unit} of it were billed before: {upto} of {of} come to {first}, {before} to "
        f"{second}: {first} − {second} = {Money(minor - earlier, currency).amount} {currency}."
    )


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


def _steps(
    evidence: Mapping[str, Any], price: PlanPrice, part: Share, currency: str
) -> Iterator[str]:
    rated, _ = rate(price, use_of_evidence(price, evidence), part)
    for step in rated.steps:
        words = step.text[:1].upper() + step.text[1:]
        yield f"{words} = {spoken(step.amount)} {currency}."


def _share(share: Mapping[str, Any], policy: Mapping[str, Any], of: str = "For") -> Iterator[str]:
    whole = share["whole"]
    yield (
        f"{of} {share['numerator']} of the {share['denominator']} {share['unit']} of the whole "
        f"period {whole['starts_on']} to {whole['ends_on']} (policy {policy['proration']})."
    )
