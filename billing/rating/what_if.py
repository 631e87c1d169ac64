"""What stored periods would have come to under other prices. Pure.

A period is rated twice by the function that issues invoices: under the terms that stand, and under
the same terms with the prices of a draft. Source: docs/what-if.md.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from billing.rating.facts import InvoiceFacts, PeriodFacts, UsageFacts
from billing.rating.invoice import compute_invoice
from billing.rating.plan import PlanPrice
from billing.rating.terms import Terms
from neruba.decimals import ZERO


@dataclass(frozen=True, slots=True)
class Amounts:
    """What was, and what would have been, in minor units of one currency."""

    old_minor: int = 0
    new_minor: int = 0

    @property
    def difference_minor(self) -> int:
        """Positive where the draft is dearer."""
        return self.new_minor - self.old_minor

    def __add__(self, other: "Amounts") -> "Amounts":
        return Amounts(self.old_minor + other.old_minor, self.new_minor + other.new_minor)


@dataclass(frozen=True, slots=True)
class PeriodCase:
    """A stored period with the terms that stand for it, those of the draft, and the usage of both
    by the names of parts.

    Where something was decided in it, `held` has its states, and `drafted_held` those under the
    draft. `first_paid` is the number of the period in which what is due once is due.
    """

    held: PeriodFacts
    standing: Terms
    drafted: Terms
    standing_usage: Mapping[str, UsageFacts]
    drafted_usage: Mapping[str, UsageFacts]
    drafted_held: PeriodFacts | None = None
    first_paid: int | None = 0


def drafted_terms(
    standing: Terms, prices: tuple[PlanPrice, ...], minimum_commitment_minor: int | None
) -> Terms:
    """The terms with a draft's prices: zone, anchor, rhythm, start and seats stay as they are.

    A price that the subscription agreed to for itself stays in place of the draft's of that code. A
    seat price that it has no number of seats for is rated for none.
    """
    own = {price.code: price for price in standing.prices if price.code in standing.overridden}
    agreed = tuple(own.get(price.code, price) for price in prices)
    return replace(
        standing,
        plan_version=standing.plan_version + 1,
        prices=agreed,
        minimum_commitment_minor=minimum_commitment_minor,
        quantities={
            price.code: standing.quantities.get(price.code, ZERO)
            for price in agreed
            if price.kind == "seat"
        },
        overridden=tuple(price.code for price in agreed if price.code in own),
    )


def what_if(cases: Sequence[PeriodCase]) -> list[dict[str, Amounts]]:
    """The amounts of the periods of one subscription, in their order, each by price code in the
    order of the standing prices, then the draft's.

    Every line whose own period it is counts: its usage and its fees, whether they are billed ahead
    or after the fact, what is due once where it is the first, and what the plan's minimum leaves
    open. Each is rounded once, as on an invoice; discounts and tax are left out. Law: with the same
    prices every difference is zero.
    """
    old = _of_periods(
        [(case.held, case.standing, case.standing_usage, case.first_paid) for case in cases]
    )
    new = _of_periods(
        [
            (case.drafted_held or case.held, case.drafted, case.drafted_usage, case.first_paid)
            for case in cases
        ]
    )
    return [_together(*sides) for sides in zip(cases, old, new, strict=True)]


def _together(
    case: PeriodCase, old: Mapping[str, int], new: Mapping[str, int]
) -> dict[str, Amounts]:
    prices = (*case.standing.prices, *case.drafted.prices)
    codes = [price.code for price in prices if price.code in old or price.code in new]
    return {code: Amounts(old.get(code, 0), new.get(code, 0)) for code in [*codes, *old, *new]}


def _of_periods(
    periods: Sequence[tuple[PeriodFacts, Terms, Mapping[str, UsageFacts], int | None]],
) -> list[dict[str, int]]:
    """The amounts of each period. Those of the plan's own rhythm come last: their minimum counts
    what the periods of finer rhythms within them came to.
    """
    found: dict[int, dict[str, int]] = {}
    for index, (held, terms, usage, first) in enumerate(periods):
        if held.rhythm != terms.rhythm.code:
            found[index] = period_amounts(held, terms, usage, first_paid=first)
    finer = [(periods[index][0].period.interval, amounts) for index, amounts in found.items()]
    for index, (held, terms, usage, first) in enumerate(periods):
        if index not in found:
            whole = held.period.interval
            counted = sum(
                sum(amounts.values())
                for inside, amounts in finer
                if whole.start <= inside.start and inside.end <= whole.end
            )
            found[index] = period_amounts(
                held, terms, usage, counted_minor=counted, first_paid=first
            )
    return [found[index] for index in range(len(periods))]


def period_amounts(
    held: PeriodFacts,
    terms: Terms,
    usage: Mapping[str, UsageFacts],
    *,
    counted_minor: int = 0,
    first_paid: int | None = 0,
) -> dict[str, int]:
    """What the lines of a period print, in minor units by price code ("" for those of no price).

    The lines of one period stand on two documents: what is billed ahead on that of its beginning,
    the rest on that of its end. So both boundaries are this period's here, and of its rhythm alone.
    `counted_minor` is what periods of other rhythms count towards the plan's minimum of this one.
    """
    is_finest = held.rhythm in {"", terms.boundary_rhythm.code}
    own, coarser = (held, {}) if is_finest else (None, {held.rhythm: held})
    content = compute_invoice(
        InvoiceFacts(
            customer="",
            subscription="",
            currency=terms.currency,
            period=held.period.interval,
            terms=terms,
            boundary=held.period.number,
            ended=own,
            begun=own,
            usage=usage,
            coarser_ended=coarser,
            coarser_begun=coarser,
            counted_minor=counted_minor,
            first_paid=first_paid,
        )
    )
    amounts: dict[str, int] = {}
    for line in content.lines:
        amounts[line.price] = amounts.get(line.price, 0) + line.amount_minor
    return amounts


def summed(several: Iterable[Mapping[str, Amounts]]) -> dict[str, Amounts]:
    """The sums of several periods by price code, in the order of their first mention."""
    sums: dict[str, Amounts] = {}
    for amounts in several:
        for code, one in amounts.items():
            sums[code] = sums.get(code, Amounts()) + one
    return sums
