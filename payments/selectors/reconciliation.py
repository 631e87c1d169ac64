"""The reconciliation of a period: invoices, ledger, payments and what the provider booked."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from django.db.models import F, QuerySet, Sum

from billing.models import Invoice
from billing.selectors.amounts import printed_totals
from ledger.selectors.balances import trial_balance
from ledger.selectors.journal import entries_by_key
from ledger.selectors.money import Movement, moved_by, movements
from ledger.selectors.settlements import ISSUE, settlements
from ledger.templates import OperationKey
from ledger.templates.keys import BANK, PSP, RECEIVABLE
from neruba.models import Project
from neruba.money import Money
from neruba.snapshot import snapshot
from payments.entries import DISPUTE_OPENED, RECEIVED, REFUND_LEFT
from payments.matching import Item, Line, Occasion, Section, State, Thing, match
from payments.models import Dispute, Payment, ProviderTransaction, Refund
from payments.selectors.books_side import MONEY, PAGE, Period, booked_items
from payments.selectors.provider_side import unbooked_items
from payments.selectors.transactions import fetched_to, odd_payouts


class Side(NamedTuple):
    """One of the two sides of a section, on which account (empty: the provider's, or documents)."""

    section: Section
    account: str
    currency: str


class Count(NamedTuple):
    """What is counted of items."""

    section: Section
    state: State


class Tie(NamedTuple):
    """What items add up to, and what is said of the same by another sum; minor units."""

    what: str
    currency: str
    listed: int
    booked: int

    @property
    def difference(self) -> int:
        return self.listed - self.booked


@dataclass
class Reconciliation:
    """The items of a period as they are read, and then what they added up to.

    `items()` is to be read to its end once; after that stand `counts`, the sums of both sides,
    `ties`, `by_kind` (what moved 1100, by kinds of entries) and `payouts` (those that do not add
    up: payout, currency, minor units).
    """

    project: Project
    since: datetime
    to: datetime
    currency: str | None = None
    counts: Counter[Count] = field(default_factory=Counter)
    here: dict[Side, int] = field(default_factory=lambda: defaultdict(int))
    there: dict[Side, int] = field(default_factory=lambda: defaultdict(int))
    ties: list[Tie] = field(default_factory=list)
    by_kind: dict[Movement, int] = field(default_factory=dict)
    payouts: list[tuple[str, str, int]] = field(default_factory=list)
    fetched_to: datetime | None = None

    def items(self) -> Iterator[Item]:
        """All items, section by section; everything is read at one moment and never held."""
        with snapshot():
            self.fetched_to = fetched_to(self.project)
            period = Period(self.project, self.since, self.to, self.fetched_to)
            for items in (invoice_items, booked_items, unposted_items, unbooked_items):
                for item in items(period):
                    if self.currency in (None, item.thing.currency):
                        self._count(item)
                        yield item
            self._tie(period)

    def _count(self, item: Item) -> None:
        self.counts[Count(item.section, item.state)] += 1
        side = Side(item.section, item.thing.account, item.thing.currency)
        self.here[side] += item.here_minor
        self.there[side] += item.there_minor

    def _tie(self, period: Period) -> None:
        self.by_kind = {
            key: minor
            for key, minor in movements(
                self.project, (RECEIVABLE,), since=self.since, to=self.to
            ).items()
            if self.currency in (None, key.currency)
        }
        self.payouts = odd_payouts(self.project, since=self.since, to=self.to)
        booked = _trial_balance_movement(period, self.currency)
        units = {unit for _, unit in booked} | {side.currency for side in (*self.here, *self.there)}
        provider = _provider_net(period)
        for unit in sorted(units):
            self.ties += self._ties_of(unit, booked, provider.get(unit, 0))

    def _ties_of(self, unit: str, booked: Mapping[tuple[str, str], int], net: int) -> list[Tie]:
        issued = self.there[Side(Section.INVOICES, RECEIVABLE, unit)]
        others = sum(
            minor
            for key, minor in self.by_kind.items()
            if key.currency == unit and key.kind != ISSUE
        )
        bank = self.there[Side(Section.PAYMENTS, BANK, unit)]
        psp = self.there[Side(Section.PAYMENTS, PSP, unit)]
        mine, theirs = (
            sides[Side(Section.PROVIDER, PSP, unit)] for sides in (self.here, self.there)
        )
        return [
            Tie("1100: invoices issued, and what else moved it", unit, issued + others,
                booked.get((RECEIVABLE, unit), 0)),
            Tie("1010: receipts outside and payouts", unit, bank, booked.get((BANK, unit), 0)),
            Tie("1000: payments and what followed them", unit, psp, booked.get((PSP, unit), 0)),
            Tie("1000: the side here of ledger and Stripe", unit, mine, booked.get((PSP, unit), 0)),
            Tie("Stripe: the net of all it booked", unit, theirs, net),
        ]  # fmt: skip

    def provider_gap(self) -> list[tuple[str, int, int]]:
        """By currency: what moved 1000 in the ledger, and what Stripe booked."""
        units = {side.currency for side in self.here if side.section == Section.PROVIDER}
        sides = [Side(Section.PROVIDER, PSP, unit) for unit in sorted(units)]
        return [(side.currency, self.here[side], self.there[side]) for side in sides]


def _trial_balance_movement(period: Period, currency: str | None) -> dict[tuple[str, str], int]:
    """By code and currency, the balance at the end less that at the beginning."""
    moved: dict[tuple[str, str], int] = defaultdict(int)
    for at, sign in ((period.since, -1), (period.to, 1)):
        for row in trial_balance(period.project, at=at, currency=currency):
            if row.account.code in (PSP, BANK, RECEIVABLE):
                moved[row.account.code, row.currency] += sign * row.balance_minor
    return moved


def _provider_net(period: Period) -> dict[str, int]:
    rows = ProviderTransaction.objects.filter(
        project=period.project, created_at__gte=period.since, created_at__lt=period.to
    )
    sums = rows.order_by().values_list("currency").annotate(total=Sum("net_minor"))
    return dict(sums.values_list("currency", "total"))


def invoice_items(period: Period) -> Iterator[Item]:
    """Each invoice finalised in the period: the sum of its lines, and its issue entry."""
    rows = Invoice.objects.filter(
        project=period.project, finalized_at__gte=period.since, finalized_at__lt=period.to
    ).order_by("pk")
    after = 0
    while page := list(rows.filter(pk__gt=after)[:PAGE]):
        yield from _invoices(period, page)
        after = page[-1].pk


def _invoices(period: Period, page: Sequence[Invoice]) -> Iterator[Item]:
    printed = printed_totals(page)
    keys = {row.pk: OperationKey(ISSUE, row.operation_key) for row in page}
    entries = entries_by_key(period.project, list(keys.values()))
    posted: dict[OperationKey, int] = defaultdict(int)
    objects = [key.object for key in entries]
    for one in moved_by(period.project, (RECEIVABLE,), kinds=(ISSUE,), objects=objects):
        posted[one.key] += one.minor
    due = settlements(period.project, [row.document for row in page])
    here, there, words = [], [], {}
    for row in page:
        thing = Thing(Occasion.INVOICE, row.operation_key, row.currency, RECEIVABLE)
        assert row.finalized_at is not None
        name, key = str(row), keys[row.pk]
        here.append(Line(thing, name, printed[row.pk], row.finalized_at))
        if key in entries:
            there.append(Line(thing, name, posted[key], entries[key].occurred_at))
        left = due[row.document].due_minor if row.document in due else 0
        words[thing] = f"{row.get_status_display()}; {Money(left, row.currency)} is due."
    explain = partial(_why_invoice, words)
    for item in match(Section.INVOICES, here, there, explain=explain):
        yield replace(item, cause=item.cause or words[item.thing])


def _why_invoice(words: Mapping[Thing, str], thing: Thing, state: State) -> str:
    if state == State.MISSING_THERE:
        return "The invoice is finalised and its issue is not in the books."
    return words[thing]


def unposted_items(period: Period) -> Iterator[Item]:
    """Payments, refunds and disputes of the period that are done by their row and that no entry
    has ever moved money for.
    """
    mine, within = {"project": period.project}, (period.since, period.to)
    done = (Payment.State.SUCCEEDED, Payment.State.REVERSED)
    payments = Payment.objects.filter(**mine, state__in=done)
    refunds = Refund.objects.filter(**mine, state=Refund.State.SUCCEEDED).select_related("payment")
    disputes = Dispute.objects.filter(**mine).select_related("payment")
    for rows, at, kind, occasion, sign in (
        (payments, "received_at", RECEIVED, Occasion.PAYMENT, 1),
        (refunds, "created_at", REFUND_LEFT, Occasion.REFUND, -1),
        (disputes, "opened_at", DISPUTE_OPENED, Occasion.DISPUTE, -1),
    ):
        timed = rows.filter(**{f"{at}__gte": within[0], f"{at}__lt": within[1]})
        yield from _unposted(period, timed.annotate(happened_at=F(at)), kind, occasion, sign)


def _unposted(
    period: Period, rows: QuerySet[Any], kind: str, occasion: Occasion, sign: int
) -> Iterator[Item]:
    after = 0
    while page := list(rows.filter(pk__gt=after).order_by("pk")[:PAGE]):
        after = page[-1].pk
        keys = [row.operation_key for row in page]
        moved = moved_by(period.project, MONEY, kinds=(kind,), objects=keys)
        posted = {one.key.object for one in moved}
        lines = [
            Line(
                Thing(occasion, row.operation_key, row.currency, _account_of(row)),
                row.public_id,
                sign * row.amount_minor,
                row.happened_at,
            )
            for row in page
            if row.operation_key not in posted
        ]
        yield from match(Section.PAYMENTS, lines, (), explain=_why_unposted)


def _why_unposted(thing: Thing, _state: State) -> str:
    return f"The {thing.occasion} is done by its row, and nothing of it is in the books."


def _account_of(row: object) -> str:
    """Where its money would lie."""
    payment = getattr(row, "payment", row)
    return BANK if isinstance(payment, Payment) and payment.is_outside else PSP
