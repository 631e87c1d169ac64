"""What an invoice is computed from: read once, in natural keys and business times only. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from billing.rating.discounts import CouponFacts, Discount
from billing.rating.plan import PlanPrice
from billing.rating.price import GroupUse, Measured
from billing.rating.rhythm import Rhythm
from billing.rating.schedule import BillingPeriod
from billing.rating.taxes import NO_TAX, TaxFacts
from billing.rating.terms import Terms
from billing.rating.timeline import Held
from neruba.money import Rounding
from neruba.period import Interval, rfc3339
from neruba.project_settings import ProjectSettings
from neruba.tax import TaxRateFact


@dataclass(frozen=True, slots=True)
class PeriodFacts:
    """A period and the policy that it opened with.

    `rhythm` is the code of the rhythm that it is one of; empty where there is only one. `held` are
    the states of the subscription in it; none: that of its terms all the time. `is_terminated` says
    that the end of the subscription cut it.
    """

    period: BillingPeriod
    policy: ProjectSettings
    rhythm: str = ""
    held: tuple[Held, ...] = ()
    is_terminated: bool = False


@dataclass(frozen=True, slots=True)
class UsageFacts:
    """What a meter says of a period, with the number of events behind it and their
    checksum (hex). Groups and values stand there for prices that read them.
    """

    meter: str
    aggregation: str
    quantity: Decimal
    events: int
    checksum: str
    groups: tuple[GroupUse, ...] = ()
    values: tuple[Decimal, ...] = ()

    @property
    def measured(self) -> Measured:
        return Measured(self.quantity, self.groups, self.values)


@dataclass(frozen=True, slots=True)
class BilledUsage:
    """What documents printed for a usage line so far: the sum of its amounts before discounts and
    with inclusive tax, the usage that the last of them knew, what each coupon took off, in order of
    application, and by its number what it took off when it was first applied. Nothing, where the
    document of the period was not made.
    """

    amount_minor: int = 0
    quantity: Decimal = Decimal(0)
    events: int = 0
    discounts: tuple[Discount, ...] = ()
    first_off: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Part:
    """Where one definition of a price is in force in a period, in order of time: of a fee with its
    number of seats, if it has any.
    """

    price: PlanPrice
    terms: Terms
    spans: tuple[Interval, ...]
    seats: Decimal | None = None

    @property
    def period(self) -> Interval:
        """From where it begins to be in force to where it ends."""
        return Interval(self.spans[0].start, self.spans[-1].end)


def usage_name(held: PeriodFacts, part: Part) -> str:
    """How the usage of a part is named among that of its boundary: by the price's code, and where
    it is not in force in the whole period, since when it is.
    """
    if part.spans == (held.period.interval,):
        return part.price.code
    return f"{part.price.code}@{rfc3339(part.spans[0].start)}"


@dataclass(frozen=True, slots=True)
class CorrectionFacts:
    """A usage line of a period that was billed before, and what is known of its usage now.

    `invoice` is the operation key of the period's own document, `tax` what that put on its lines
    (the customer's rates now, where it was not made), `unit` the number of the period that coupons
    count the line for. `part` is where its definition is in force (None: in all of the period), or
    was when it was printed, where it `is_gone`: nothing is due for it then.
    """

    held: PeriodFacts
    price: str
    invoice: str
    usage: UsageFacts
    billed: BilledUsage
    unit: int
    tax: TaxFacts = NO_TAX
    part: Part | None = None
    is_gone: bool = False


@dataclass(frozen=True, slots=True)
class BilledPart:
    """A fee's line that documents printed for a part of a period, and what became of it.

    In minor units with inclusive tax: `amount_minor`, `net_minor` less discounts,
    `given_back_minor` by credit notes; `credits` are what later documents took back, by the part of
    time. `before` are the days (or seconds) of the parts of its amount that were billed before it;
    `earned` is where its income went, `tax` what stood on it.
    """

    invoice: str
    line: str
    price: PlanPrice
    seats: Decimal | None
    period: Interval
    amount_minor: int
    net_minor: int
    before: int = 0
    credits: tuple[tuple[Interval, int], ...] = ()
    given_back_minor: int = 0
    earned: str = "ahead"
    tax: TaxFacts = NO_TAX


@dataclass(frozen=True, slots=True)
class ChangedPeriod:
    """A period of which a part was billed before something changed in it, as it is known now.

    `at` is up to when the document bills, `since` leaves out what was before it; None: nothing.
    `is_over` says that what is billed after the fact is due too, `unit` is the number of the period
    that coupons count its charges for, `once` what is due once, with the instant since when.
    """

    held: PeriodFacts
    billed: tuple[BilledPart, ...]
    unit: int
    at: datetime
    is_over: bool
    since: datetime | None = None
    once: tuple[tuple[datetime, Part], ...] = ()


@dataclass(frozen=True, slots=True)
class MinimumFacts:
    """The plan's minimum of a period that was billed before: what all documents count towards it,
    and what they printed of it, in minor units.
    """

    held: PeriodFacts
    invoice: str
    counted_minor: int
    billed_minor: int
    tax: TaxFacts = NO_TAX


@dataclass(frozen=True, slots=True)
class ChargeFacts:
    """A priced one-off that waits for an invoice. `rate` is the tax rate that its tax code names,
    in place of the customer's, if any.
    """

    key: str
    amount_minor: int
    description: str
    effective_at: datetime
    tax_code: str
    rate: TaxRateFact | None = None


@dataclass(frozen=True, slots=True)
class InvoiceFacts:
    """All that one invoice follows from.

    `terms`, `ended` and `begun` are of the subscription's boundary: the period that ends there and
    the one that begins there, each None where there is none. `usage` is of the ended period, by
    price code. Where prices have rhythms of their own, `ended` and `begun` are of the finest, which
    is that of the boundaries; `coarser_ended` and `coarser_begun` hold the others that end or begin
    there, by the code of their rhythm. `coupons` and `tax` are what was known of discounts and tax,
    `rounding` is what they are rounded by, and `counted_minor` is what other documents count
    towards the plan's minimum of the ended period. `changed` are periods in which something was
    decided after a part of them was billed, `first_paid` is the number of the boundary at which
    what is due once is due.
    """

    customer: str
    subscription: str
    currency: str
    period: Interval
    terms: Terms | None = None
    boundary: int | None = None
    ended: PeriodFacts | None = None
    begun: PeriodFacts | None = None
    usage: Mapping[str, UsageFacts] = field(default_factory=dict)
    charges: tuple[ChargeFacts, ...] = ()
    corrections: tuple[CorrectionFacts, ...] = ()
    minimums: tuple[MinimumFacts, ...] = ()
    coupons: tuple[CouponFacts, ...] = ()
    tax: TaxFacts = NO_TAX
    rounding: Rounding = "half_up"
    counted_minor: int = 0
    coarser_ended: Mapping[str, PeriodFacts] = field(default_factory=dict)
    coarser_begun: Mapping[str, PeriodFacts] = field(default_factory=dict)
    changed: tuple[ChangedPeriod, ...] = ()
    first_paid: int | None = 0

    def ended_on(self, rhythm: Rhythm) -> PeriodFacts | None:
        """The period of this rhythm that ends at the boundary."""
        return self.ended if self._is_finest(rhythm) else self.coarser_ended.get(rhythm.code)

    def begun_on(self, rhythm: Rhythm) -> PeriodFacts | None:
        """The period of this rhythm that begins at the boundary."""
        return self.begun if self._is_finest(rhythm) else self.coarser_begun.get(rhythm.code)

    @property
    def bills_fees(self) -> bool:
        """Whether its plan has fees, and they are due somewhere in its periods: in a trial and in a
        pause they are not.
        """
        states = [one.state for held in (*self.all_ended, *self.all_begun) for one in held.held]
        if states:
            return any(state.bills_fees and state.terms.has_fee for state in states)
        return self.terms is not None and self.terms.has_fee

    @property
    def minimum_period(self) -> PeriodFacts | None:
        """The period of the plan that ends at the boundary, where the plan has a minimum."""
        if self.terms is None:
            return None
        for held in self.all_ended:
            states = [one.state.terms for one in held.held] or [self.terms]
            for terms in states:
                is_of = held.rhythm in ("", terms.rhythm.code)
                if is_of and terms.minimum_commitment_minor is not None:
                    return held
        return None

    def usage_of(self, held: PeriodFacts, part: Part) -> UsageFacts:
        """The usage of a part of a period that ends at the boundary."""
        return self.usage[usage_name(held, part)]

    @property
    def all_ended(self) -> tuple[PeriodFacts, ...]:
        """The periods of all rhythms that end at the boundary, the finest first."""
        finest = () if self.ended is None else (self.ended,)
        return (*finest, *self.coarser_ended.values())

    def _is_finest(self, rhythm: Rhythm) -> bool:
        return self.terms is not None and rhythm == self.terms.boundary_rhythm

    @property
    def all_begun(self) -> tuple[PeriodFacts, ...]:
        """The periods of all rhythms that begin at the boundary, the finest first."""
        finest = () if self.begun is None else (self.begun,)
        return (*finest, *self.coarser_begun.values())
