"""The lines of fees and seats for parts of a period. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal

from billing.rating.facts import Part, PeriodFacts
from billing.rating.lines import (
    Line,
    common_evidence,
    line_key,
    rounding_of,
    share_evidence,
    unit_amount_of,
)
from billing.rating.numbers import number_text
from billing.rating.parts import part_minor, share_of, without
from billing.rating.proration import Share, prorate
from neruba.decimals import plain
from neruba.period import Interval

ONE = Decimal(1)


def fee_lines(
    held: PeriodFacts,
    part: Part,
    spans: Sequence[Interval],
    *,
    currency: str,
    standing: Sequence[Interval] = (),
) -> Iterator[Line]:
    """The lines of these spans of a fee, in their order; `standing` is where it was billed already.

    What is not prorated is due whole with its first span, and not again. Who asks says where the
    income goes. Law: spans that make up the period, with what stands, come to what it comes to
    whole, also where days are counted as if each month had 30.
    """
    price, is_whole = part.price, not part.price.prorate or part.price.kind == "one_time"
    rhythm, zone = part.terms.rhythm_of(price), part.terms.zone
    period = Interval(held.period.start, held.period.whole.end)
    before = sum(share_of(held, rhythm, one, zone).numerator for one in standing)
    left = without(period, standing)
    for span in spans[:1] if is_whole else spans:
        share = share_of(held, rhythm, span, zone)
        left = [piece for one in left for piece in without(one, [span])]
        if is_whole:
            share = Share(share.denominator, share.denominator, share.unit)
        elif before and not left:
            total = share_of(held, rhythm, period, zone).numerator
            share = replace(share, numerator=max(total - before, 0))
        yield _fee_line(held, part, span, share, currency=currency, before=before)
        before += share.numerator


def _fee_line(
    held: PeriodFacts, part: Part, span: Interval, share: Share, *, currency: str, before: int
) -> Line:
    price, seats = part.price, part.seats
    rated = price.price.rate(ONE if seats is None else seats)
    rounding = rounding_of(held.policy)
    days = "" if share.is_whole else f" ({share.numerator} of {share.denominator} {share.unit})"
    return Line(
        key=line_key(price, span),
        kind=price.kind,
        price=price.code,
        description=f"{price.name}{days}",
        period=span,
        quantity="1" if seats is None else plain(seats),
        unit_amount=number_text(rated.amount_exact) if seats is None else unit_amount_of(price),
        amount_minor=part_minor(
            rated.amount_exact, share, before=before, currency=currency, rounding=rounding
        ),
        earned="fee",
        evidence={
            **common_evidence(part.terms, held, price, rated, prorate(rated.amount_exact, share)),
            **({} if seats is None else {"quantity": plain(seats)}),
            "share": share_evidence(held.period, share, before=before),
        },
    )
