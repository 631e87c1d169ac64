"""The minimum commitment of a plan: what the lines of a period leave open of it. Pure.

It counts all lines whose own period lies in the period, on whichever invoice, net of discounts,
without charges; inclusive tax is part of the amounts on both sides. Source:
docs/discounts-and-tax.md, "The plan's minimum".
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

from billing.rating.discounts import Discount
from billing.rating.facts import MinimumFacts, PeriodFacts
from billing.rating.lines import (
    Line,
    basis_of,
    period_evidence,
    rounding_of,
    share_evidence,
)
from billing.rating.numbers import number_text
from billing.rating.proration import POLICIES, Share, prorate, share
from billing.rating.terms import Terms
from neruba.money import Money, exponent, to_minor
from neruba.period import Interval, rfc3339


@dataclass(frozen=True, slots=True)
class Due:
    """What the minimum comes to in a period: the exact share of the commitment, and rounded."""

    exact: Fraction
    share: Share
    minor: int


def due_minimum(terms: Terms, held: PeriodFacts, currency: str) -> Due:
    """The commitment for the period, prorated as fees are."""
    assert terms.minimum_commitment_minor is not None
    part = share(
        held.period.span, held.period.whole, basis=basis_of(held.policy), rhythm=terms.rhythm
    )
    exact = prorate(_major(terms.minimum_commitment_minor, currency), part)
    return Due(exact, part, to_minor(exact, currency, rounding_of(held.policy)))


def counted_minor(lines: Iterable[Line], discounts: Sequence[Discount], period: Interval) -> int:
    """What these lines count towards the minimum of a period, in minor units."""
    mine = {line.key: line.gross_minor for line in lines if counts(line, period)}
    return sum(mine.values()) - sum(one.gross_minor for one in discounts if one.line in mine)


def counts(line: Line, period: Interval) -> bool:
    """Whether a line counts towards the minimum of a period: its own lies in it."""
    lies_in = period.start <= line.period.start and line.period.end <= period.end
    return lies_in and line.kind != "charge" and not is_minimum(line)


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
    if due.minor <= counted:
        return None
    minimum = {
        "counted": Money(counted, currency).amount,
        "counted_on_other_documents": Money(elsewhere, currency).amount,
    }
    return Line(
        key=minimum_key(terms, held),
        kind="minimum",
        price="",
        description="Minimum commitment",
        period=held.period.interval,
        quantity="1",
        unit_amount=None,
        amount_minor=due.minor - counted,
        earned="fee",
        evidence=minimum_evidence(terms, held, due, minimum, currency),
    )


def minimum_correction(
    terms: Terms, facts: MinimumFacts, *, moved: int, currency: str
) -> Line | None:
    """The line that corrects the minimum of a period once `moved` minor units of corrections are
    counted too; none where nothing moves.
    """
    due = due_minimum(terms, facts.held, currency)
    counted = facts.counted_minor + moved
    known = max(due.minor - counted, 0)
    if known == facts.billed_minor:
        return None
    minimum = {
        "counted": Money(counted, currency).amount,
        "amount_known": Money(known, currency).amount,
        "amount_billed": Money(facts.billed_minor, currency).amount,
    }
    key = minimum_key(terms, facts.held)
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
        evidence=minimum_evidence(terms, facts.held, due, minimum, currency),
        corrects={"invoice": facts.invoice, "line": key},
        tax=facts.tax,
    )


def minimum_key(terms: Terms, held: PeriodFacts) -> str:
    """The natural key of the minimum of a period, unique within its subscription."""
    return f"minimum:{terms.plan}:{rfc3339(held.period.start)}"


def minimum_evidence(
    terms: Terms, held: PeriodFacts, due: Due, minimum: Mapping[str, Any], currency: str
) -> dict[str, Any]:
    assert terms.minimum_commitment_minor is not None
    period = held.period
    return {
        "plan": {"code": terms.plan, "version": terms.plan_version},
        "minimum": {
            "commitment": Money(terms.minimum_commitment_minor, currency).amount,
            **minimum,
        },
        "policy": {
            "proration": POLICIES[basis_of(held.policy)],
            "rounding": held.policy.rounding,
            "timezone": terms.zone,
        },
        "period": period_evidence(period.start, period.end, period.starts_on, period.ends_on),
        "share": share_evidence(period, due.share),
        "amount_exact": number_text(due.exact),
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
    part = evidence["share"]
    commitment = Money.parse(evidence["minimum"]["commitment"], currency).minor
    taken = Share(part["numerator"], part["denominator"], part["unit"])
    exact = prorate(_major(commitment, currency), taken)
    return to_minor(exact, currency, evidence["policy"]["rounding"])


def _major(minor: int, currency: str) -> Decimal:
    return Decimal(minor).scaleb(-exponent(currency))
