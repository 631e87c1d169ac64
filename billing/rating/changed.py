"""What a change makes of fees that were billed: credits of what is due no more, charges of what is
due beside it. Pure.

A period is compared with what documents printed for it: each stretch of a printed line in which its
price, or its number of seats, is in force no more comes back as a credit line; each stretch that no
line covers is charged. Source: docs/periods-and-proration.md, "Changes in a period".
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from typing import Any

from billing.rating.facts import BilledPart, ChangedPeriod, InvoiceFacts, Part
from billing.rating.fees import ONE, fee_lines
from billing.rating.lines import (
    Earned,
    Line,
    evidence_of_period,
    policy_evidence,
    rounding_of,
    share_evidence,
)
from billing.rating.parts import fee_parts, part_minor, share_of, without
from billing.rating.plan import PlanPrice, parse_plan_price
from billing.rating.proration import Share, prorate
from billing.rating.terms import Terms
from neruba.decimals import plain
from neruba.money import Money, Rounding, to_minor
from neruba.period import Interval, rfc3339


def changed_lines(facts: InvoiceFacts) -> Iterator[Line]:
    """The credit and charge lines of a document, in the order of their periods, credits first."""
    for changed in facts.changed:
        assert facts.terms is not None, "a change is of a subscription"
        yield from _Comparison(changed, facts.terms, facts.currency).lines()


def amount_of_credit(evidence: Mapping[str, Any], currency: str) -> int:
    """The amount of a credit line in minor units, from its evidence alone: at most zero."""
    net, credited, given_back = (
        Money.parse(evidence["credit"][name], currency).minor
        for name in ("net", "credited", "given_back")
    )
    return -_credit_minor(net, credited, given_back, kept_of_credit(evidence, currency))


def kept_of_credit(evidence: Mapping[str, Any], currency: str) -> int:
    """What is kept of the line that a credit line corrects, in minor units, from the evidence of
    the credit alone.
    """
    part, quantity = evidence["share"], evidence.get("quantity")
    amount, net = (
        Money.parse(evidence["credit"][name], currency).minor for name in ("amount", "net")
    )
    return _kept_minor(
        parse_plan_price(evidence["price"]),
        None if quantity is None else Decimal(quantity),
        Share(part["numerator"], part["denominator"], part["unit"]),
        before=part.get("before", 0),
        discounted=Fraction(net, amount) if amount else Fraction(0),
        currency=currency,
        rounding=evidence["policy"]["rounding"],
    )


def _kept_minor(
    price: PlanPrice,
    seats: Decimal | None,
    kept: Share,
    *,
    before: int,
    discounted: Fraction,
    currency: str,
    rounding: Rounding,
) -> int:
    """What is left of a line in minor units once only a part of it is in force: what that part of
    its amount comes to, less its discount in proportion.
    """
    amount = price.price.rate(ONE if seats is None else seats).amount_exact
    if discounted == 1:
        return part_minor(amount, kept, before=before, currency=currency, rounding=rounding)
    return to_minor(prorate(amount, kept) * discounted, currency, rounding)


def _credit_minor(net: int, credited: int, given_back: int, kept: int) -> int:
    """What comes back: all that was charged less what is kept, never more than is left."""
    return max(min(net - credited - kept, net - credited - given_back), 0)


@dataclass
class _Comparison:
    """One period, as it was printed and as it is due."""

    changed: ChangedPeriod
    terms: Terms
    currency: str
    standing: list[tuple[BilledPart, list[Interval]]] = field(default_factory=list)

    def lines(self) -> list[Line]:
        held = self.changed.held
        due = [*fee_parts(held, self.terms, "in_advance")]
        if self.changed.is_over:
            due += fee_parts(held, self.terms, "in_arrears")
        credits = [line for one in self.changed.billed for line in self._credits(one, due)]
        charges = [line for part in due for line in self._charges(part)]
        once = [line for part in self.changed.once for line in self._once(*part)]
        return [*credits, *charges, *once]

    def _clipped(self, pieces: Sequence[Interval]) -> list[Interval]:
        since = self.changed.since
        if since is None:
            return list(pieces)
        return [
            Interval(max(piece.start, since), piece.end) for piece in pieces if piece.end > since
        ]

    def _credits(self, billed: BilledPart, due: Sequence[Part]) -> Iterator[Line]:
        """What of a printed line is due no more; what stands of it is noted for the charges."""
        gone = [interval for interval, _ in billed.credits]
        wanted = [span for part in due if _is_same(part, billed) for span in part.spans]
        outstanding = without(billed.period, gone)
        over = [piece for one in outstanding for piece in without(one, wanted)]
        if not billed.price.prorate:
            # What is due whole, however short it is in force, does not come back.
            over = []
        credited, taken = sum(minor for _, minor in billed.credits), list(gone)
        for piece in self._clipped(over):
            taken.append(piece)
            line = self._credit(billed, piece, without(billed.period, taken), credited)
            if line is not None:
                credited -= line.amount_minor
                yield line
        self.standing.append((billed, without(billed.period, taken)))

    def _credit(
        self, billed: BilledPart, piece: Interval, kept: Sequence[Interval], credited: int
    ) -> Line | None:
        held, unused = self.changed.held, self._share(billed, piece)
        share = replace(unused, numerator=sum(self._share(billed, one).numerator for one in kept))
        net, amount = billed.net_minor, billed.amount_minor
        kept_minor = _kept_minor(
            billed.price,
            billed.seats,
            share,
            before=billed.before,
            discounted=Fraction(net, amount) if amount else Fraction(0),
            currency=self.currency,
            rounding=rounding_of(held.policy),
        )
        minor = _credit_minor(net, credited, billed.given_back_minor, kept_minor)
        if not minor:
            return None
        days = f"{unused.numerator} of {unused.denominator} {unused.unit}"
        return Line(
            key=f"credit:{billed.price.code}:{rfc3339(piece.start)}",
            kind="proration",
            price=billed.price.code,
            description=f"{billed.price.name}, unused ({days})",
            period=piece,
            quantity="1" if billed.seats is None else plain(billed.seats),
            unit_amount=None,
            amount_minor=-minor,
            earned="ahead" if billed.earned == "ahead" else "fee",
            evidence={
                "price": billed.price.definition(),
                "law": billed.price.price.law,
                "policy": policy_evidence(held, self.terms.zone),
                "period": evidence_of_period(held.period),
                **({} if billed.seats is None else {"quantity": plain(billed.seats)}),
                "share": share_evidence(held.period, share, before=billed.before),
                "credit": {
                    "amount": self._money(amount),
                    "net": self._money(net),
                    "credited": self._money(credited),
                    "given_back": self._money(billed.given_back_minor),
                    "unused": unused.numerator,
                },
            },
            corrects={"invoice": billed.invoice, "line": billed.line},
            tax=billed.tax,
        )

    def _charges(self, part: Part) -> Iterator[Line]:
        mine = [piece for _, piece in self._same(part)]
        if mine and not part.price.prorate:
            return
        missing = self._clipped([one for span in part.spans for one in without(span, mine)])
        if not missing:
            return
        held = self.changed.held
        for line in fee_lines(held, part, missing, currency=self.currency, standing=mine):
            is_past = line.period.end <= self.changed.at
            earned: Earned = "fee" if is_past else "ahead"
            yield replace(
                line,
                key=f"proration:{part.price.code}:{rfc3339(line.period.start)}",
                kind="proration",
                earned=earned,
                unit=self.changed.unit,
            )

    def _same(self, part: Part) -> Iterator[tuple[BilledPart, Interval]]:
        """What stands printed of a definition."""
        for billed, pieces in self.standing:
            if _is_same(part, billed):
                yield from ((billed, piece) for piece in pieces)

    def _once(self, at: datetime, part: Part) -> Iterator[Line]:
        for line in fee_lines(self.changed.held, part, part.spans, currency=self.currency):
            yield replace(
                line,
                key=f"one_time:{part.price.code}:{rfc3339(at)}",
                period=Interval(at, at),
                unit=self.changed.unit,
            )

    def _share(self, billed: BilledPart, piece: Interval) -> Share:
        rhythm = self.terms.rhythm_of(billed.price)
        return share_of(self.changed.held, rhythm, piece, self.terms.zone)

    def _money(self, minor: int) -> str:
        return Money(minor, self.currency).amount


def _is_same(part: Part, billed: BilledPart) -> bool:
    return part.price == billed.price and part.seats == billed.seats
