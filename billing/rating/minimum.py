"""The minimum commitment of a plan: what the lines of a period leave open of it. Pure.

It counts all lines whose own period lies in the period, on whichever invoice, net of discounts,
without charges; inclusive tax is part of the amounts on both sides. Source:
docs/discounts-and-tax.md, "The plan's minimum".
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from billing.rating.discounts import Discount
from billing.rating.facts import MinimumFacts, PeriodFacts
from billing.rating.lines import (
    Line,
    evidence_of_period,
    policy_evidence,
    rounding_of,
    share_evidence,
)
from billing.rating.numbers import number_text
from billing.rating.parts import fee_spans, share_of
from billing.rating.proration import Share, prorate
from billing.rating.schedule import BillingPeriod
from billing.rating.terms import Terms
from neruba.money import Money, exponent, to_minor
from neruba.period import Interval, parse_instant, rfc3339


@dataclass(frozen=True, slots=True)
class Committed:
    """The commitment of a plan in a part of a period, in minor units for a whole one."""

    terms: Terms
    minor: int
    share: Share


@dataclass(frozen=True, slots=True)
class Due:
    """What the minimum comes to in a period: the exact shares of its commitments, and rounded
    once.
    """

    exact: Fraction
    parts: tuple[Committed, ...]
    minor: int


def due_minimum(terms: Terms, held: PeriodFacts, currency: str) -> Due | None:
    """The commitments of the plans of a period, prorated as fees are; None without one. `terms` are
    those of a period without states of its own.
    """
    parts = tuple(_committed(terms, held))
    if not parts:
        return None
    exact = sum(
        (prorate(_major(one.minor, currency), one.share) for one in parts), start=Fraction(0)
    )
    return Due(exact, parts, to_minor(exact, currency, rounding_of(held.policy)))


def _committed(terms: Terms, held: PeriodFacts) -> Iterator[Committed]:
    found: list[tuple[Interval, Terms]] = []
    for span, state in fee_spans(held, terms):
        own = state.terms
        is_of = held.rhythm in ("", own.rhythm.code)
        if not state.bills_fees or own.minimum_commitment_minor is None or not is_of:
            continue
        goes_on = found and found[-1][0].end == span.start and _commits_as(found[-1][1], own)
        start = found.pop()[0].start if goes_on else span.start
        found.append((Interval(start, span.end), own))
    for span, own in found:
        assert own.minimum_commitment_minor is not None
        part = share_of(held, own.rhythm, span, own.zone)
        yield Committed(own, own.minimum_commitment_minor, part)


def _commits_as(first: Terms, second: Terms) -> bool:
    return (first.plan, first.plan_version, first.minimum_commitment_minor) == (
        second.plan,
        second.plan_version,
        second.minimum_commitment_minor,
    )


def counted_minor(
    lines: Iterable[Line], discounts: Sequence[Discount], period: BillingPeriod
) -> int:
    """What these lines count towards the minimum of a period, in minor units."""
    mine = {line.key: line.gross_minor for line in lines if counts(line, period)}
    return sum(mine.values()) - sum(one.gross_minor for one in discounts if one.line in mine)


def counts(line: Line, period: BillingPeriod) -> bool:
    """Whether a line counts towards the minimum of a period: its own lies in it."""
    since = line.period.start
    if line.kind == "proration":
        since = parse_instant(line.evidence["period"]["start"])
    is_in = lies_in(since, line.period.end, period)
    return is_in and line.kind != "charge" and not is_minimum(line)


def lies_in(since: datetime, end: datetime, period: BillingPeriod) -> bool:
    """Whether a line for a period (or part of one) that begins at `since` lies in another one,
    which something may have cut after the line was billed ahead.
    """
    begins = period.start <= since and (since < period.end or since == period.start)
    return begins and end <= period.whole.end


def is_minimum(line: Line) -> bool:
    """Whether it is a period's minimum, or corrects one."""
    corrects = line.corrects is not None and line.corrects["line"].startswith("minimum:")
    return line.kind == "minimum" or corrects


def minimum_line(
    terms: Terms, held: PeriodFacts, *, counted: int, elsewhere: int, currency: str
) -> Line | None:
    """The line at the end of a period that came to `counted` minor units, `elsewhere` of them on
    other documents; none where the minimum is reached.
    """
    due = due_minimum(terms, held, currency)
    if due is None or due.minor <= counted:
        return None
    minimum = {
        "counted": Money(counted, currency).amount,
        "counted_on_other_documents": Money(elsewhere, currency).amount,
    }
    return Line(
        key=minimum_key(due, held),
        kind="minimum",
        price="",
        description="Minimum commitment",
        period=held.period.interval,
        quantity="1",
        unit_amount=None,
        amount_minor=due.minor - counted,
        earned="fee",
        evidence=minimum_evidence(held, due, minimum, currency),
    )


def minimum_correction(
    terms: Terms, facts: MinimumFacts, *, moved: int, currency: str
) -> Line | None:
    """The line that corrects the minimum of a period once `moved` minor units of corrections are
    counted too; none where nothing moves.
    """
    due = due_minimum(terms, facts.held, currency)
    if due is None:
        return None
    counted = facts.counted_minor + moved
    known = max(due.minor - counted, 0)
    if known == facts.billed_minor:
        return None
    minimum = {
        "counted": Money(counted, currency).amount,
        "amount_known": Money(known, currency).amount,
        "amount_billed": Money(facts.billed_minor, currency).amount,
    }
    key = minimum_key(due, facts.held)
    return Line(
        key=f"correction:{key}",
        kind="correction",
        price="",
        description="Minimum commitment, correction",
        period=facts.held.period.interval,
        quantity="1",
        unit_amount=None,
        amount_minor=known - facts.billed_minor,
        earned="fee",
        evidence=minimum_evidence(facts.held, due, minimum, currency),
        corrects={"invoice": facts.invoice, "line": key},
        tax=facts.tax,
    )


def minimum_key(due: Due, held: PeriodFacts) -> str:
    """The natural key of the minimum of a period, unique within its subscription."""
    return f"minimum:{due.parts[0].terms.plan}:{rfc3339(held.period.start)}"


def minimum_evidence(
    held: PeriodFacts, due: Due, minimum: Mapping[str, Any], currency: str
) -> dict[str, Any]:
    """From which `amount_of_minimum` gives the amount again; the commitments of several plans stand
    there as parts.
    """
    first, *others = due.parts
    commitment = Money(first.minor, currency).amount
    parts = [_part_evidence(one, held, currency) for one in due.parts] if others else []
    return {
        "plan": {"code": first.terms.plan, "version": first.terms.plan_version},
        "minimum": {
            **({"parts": parts} if others else {"commitment": commitment}),
            **minimum,
        },
        "policy": policy_evidence(held, first.terms.zone),
        "period": evidence_of_period(held.period),
        **({} if others else {"share": share_evidence(held.period, first.share)}),
        "amount_exact": number_text(due.exact),
    }


def _part_evidence(one: Committed, held: PeriodFacts, currency: str) -> dict[str, Any]:
    return {
        "plan": {"code": one.terms.plan, "version": one.terms.plan_version},
        "commitment": Money(one.minor, currency).amount,
        "share": share_evidence(held.period, one.share),
    }


def amount_of_minimum(evidence: Mapping[str, Any], currency: str) -> int:
    """The amount of a minimum's line in minor units, from its evidence alone."""
    minimum = evidence["minimum"]
    due = due_of_evidence(evidence, currency)
    left = max(due - Money.parse(minimum["counted"], currency).minor, 0)
    if "amount_billed" in minimum:
        left -= Money.parse(minimum["amount_billed"], currency).minor
    return left


def due_of_evidence(evidence: Mapping[str, Any], currency: str) -> int:
    """What the minimum comes to in the period in minor units, from the evidence alone."""
    minimum = evidence["minimum"]
    parts = minimum.get("parts") or [
        {"commitment": minimum["commitment"], "share": evidence["share"]}
    ]
    exact = Fraction(0)
    for part in parts:
        share, commitment = part["share"], Money.parse(part["commitment"], currency).minor
        taken = Share(share["numerator"], share["denominator"], share["unit"])
        exact += prorate(_major(commitment, currency), taken)
    return to_minor(exact, currency, evidence["policy"]["rounding"])


def _major(minor: int, currency: str) -> Decimal:
    return Decimal(minor).scaleb(-exponent(currency))
