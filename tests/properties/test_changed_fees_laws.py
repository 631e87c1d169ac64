"""Credits and charges of changes: whatever documents look at a period, and whenever, what they
print for a fee adds up to its parts.
"""

import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from billing.rating.changed import changed_lines
from billing.rating.decisions import Decision
from billing.rating.facts import BilledPart, ChangedPeriod, InvoiceFacts, PeriodFacts
from billing.rating.invoice import amount_of_evidence
from billing.rating.lines import Line
from billing.rating.parts import fee_parts, share_of, without
from billing.rating.plan import parse_plan_price
from billing.rating.proration import Basis
from billing.rating.rhythm import Rhythm
from billing.rating.schedule import BillingPeriod
from billing.rating.terms import Terms
from billing.rating.timeline import Timeline
from neruba.canonical import canonical_json
from neruba.money import to_minor
from neruba.project_settings import ProjectSettings

EXAMPLES = int(os.environ.get("NERUBA_EXAMPLES", "50"))
START = datetime(2026, 1, 31, 9, 15, tzinfo=UTC)
HOURS = 27 * 24
CURRENCY = "EUR"
AMOUNTS = ("9.99", "33.33")

moments = st.integers(1, HOURS).map(lambda hours: START + timedelta(hours=hours))
# Few, so that what was in force before often comes back.
quantities = st.sampled_from(("0", "3", "5"))


def terms(basis: Basis, amount: str) -> Terms:
    prices = (
        {"code": "fee", "kind": "recurring", "model": "flat", "amount": amount},
        {"code": "seats", "kind": "seat", "model": "per_unit", "unit_amount": amount},
    )
    return Terms(
        plan="p",
        plan_version=1,
        currency=CURRENCY,
        rhythm=Rhythm("month"),
        anchor="anniversary",
        billing_day=None,
        zone="Europe/Berlin",
        basis=basis,
        start=START,
        prices=tuple(map(parse_plan_price, prices)),
        quantities={"seats": Decimal(3)},
    )


@st.composite
def decided(draw: st.DrawFn) -> list[Decision]:
    """Seats that change, and a plan whose price does, in order of time."""
    basis: Basis = draw(st.sampled_from(("day", "second", "day_30")))
    first = terms(basis, draw(st.sampled_from(AMOUNTS)))
    made = [Decision(1, "create", START, START, canonical_json(first.content()))]
    for number, at in enumerate(sorted(draw(st.lists(moments, max_size=5))), start=2):
        if draw(st.booleans()):
            content: dict[str, object] = {"price": "seats", "quantity": draw(quantities)}
            made.append(Decision(number, "set_quantity", at, at, canonical_json(content)))
        else:
            other = terms(basis, draw(st.sampled_from(AMOUNTS)))
            content = {"terms": other.content()}
            made.append(Decision(number, "change_plan", at, at, canonical_json(content)))
    return made


class Printer:
    """Documents of one period that print what is due as they know it, one after the other."""

    def __init__(self, decisions: Sequence[Decision]) -> None:
        self.timeline = Timeline.of(decisions)
        self.policy = ProjectSettings(proration_basis=self.timeline.agreed.basis)
        self.printed: list[Line] = []
        self.billed: list[BilledPart] = []

    def held(self, at: datetime) -> PeriodFacts:
        period: BillingPeriod = self.timeline.agreed.schedule.period(0)
        states = tuple(one for one in self.timeline.held(period.interval) if one.start <= at)
        return PeriodFacts(period, self.policy, "month:1", states)

    def look(self, at: datetime) -> list[Line]:
        """A document that knows what was effective by an instant."""
        held = self.held(at)
        changed = ChangedPeriod(held, tuple(self.billed), unit=0, at=at, is_over=False)
        facts = InvoiceFacts(
            customer="c",
            subscription="s",
            currency=CURRENCY,
            period=held.period.interval,
            terms=self.timeline.terms_at(at),
            changed=(changed,),
        )
        lines = list(changed_lines(facts))
        for line in lines:
            assert amount_of_evidence(line.evidence, CURRENCY) == line.amount_minor
            self._note(line, f"doc{len(self.printed)}")
        return lines

    def _note(self, line: Line, invoice: str) -> None:
        self.printed.append(line)
        if line.corrects is None:
            quantity = line.evidence.get("quantity")
            self.billed.append(
                BilledPart(
                    invoice=invoice,
                    line=f"{invoice}:{line.key}",
                    price=parse_plan_price(line.evidence["price"]),
                    seats=None if quantity is None else Decimal(quantity),
                    period=line.period,
                    amount_minor=line.amount_minor,
                    net_minor=line.amount_minor,
                    before=line.evidence["share"].get("before", 0),
                )
            )
            return
        place = next(
            index for index, one in enumerate(self.billed) if one.line == line.corrects["line"]
        )
        one = self.billed[place]
        credits = (*one.credits, (line.period, -line.amount_minor))
        self.billed[place] = replace(one, credits=credits)


def sums(lines: Sequence[Line]) -> dict[tuple[str, str], int]:
    """What lines come to, by definition: the price and its seats."""
    found: dict[tuple[str, str], int] = defaultdict(int)
    for line in lines:
        definition = canonical_json(line.evidence["price"])
        found[definition, line.evidence.get("quantity", "")] += line.amount_minor
    return {key: minor for key, minor in found.items() if minor}


def due(printer: Printer) -> dict[tuple[str, str], int]:
    """What each definition comes to for all its parts together, rounded once."""
    held = printer.held(START + timedelta(days=40))
    found: dict[tuple[str, str], int] = {}
    for part in fee_parts(held, printer.timeline.agreed, "in_advance"):
        shares = [share_of(held, Rhythm("month"), one, part.terms.zone) for one in part.spans]
        period = held.period.interval
        is_all = not without(period, part.spans)
        whole = share_of(held, Rhythm("month"), period, part.terms.zone).numerator
        days = whole if is_all else sum(one.numerator for one in shares)
        amount = part.price.price.rate(Decimal(1) if part.seats is None else part.seats)
        exact = Fraction(amount.amount_exact) * days / shares[0].denominator
        seats = "" if part.seats is None else str(part.seats)
        minor = to_minor(exact, CURRENCY, "half_up")
        if minor:
            found[canonical_json(part.price.definition()), seats] = minor
    return found


@settings(max_examples=EXAMPLES * 6)
@given(decided(), st.lists(moments, max_size=4))
def test_documents_that_look_as_time_goes_on_print_each_fee_as_its_parts_together(
    decisions: list[Decision], looks: list[datetime]
) -> None:
    printer = Printer(decisions)
    for at in (START, *sorted(looks), START + timedelta(days=40)):
        printer.look(at)

    assert sums(printer.printed) == due(printer)


@settings(max_examples=EXAMPLES * 6)
@given(decided(), st.lists(moments, max_size=4))
def test_a_second_look_prints_nothing(decisions: list[Decision], looks: list[datetime]) -> None:
    printer = Printer(decisions)
    for at in (START, *sorted(looks)):
        printer.look(at)
        assert printer.look(at) == []


@settings(max_examples=EXAMPLES * 6)
@given(decided(), st.lists(moments, max_size=4))
def test_a_credit_is_never_more_than_its_line_and_no_charge_is_negative(
    decisions: list[Decision], looks: list[datetime]
) -> None:
    printer = Printer(decisions)
    for at in (START, *sorted(looks), START + timedelta(days=40)):
        printer.look(at)

    assert all(line.amount_minor >= 0 for line in printer.printed if line.corrects is None)
    for one in printer.billed:
        assert 0 <= sum(minor for _, minor in one.credits) <= one.net_minor
