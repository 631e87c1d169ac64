"""The ledger's side of reconciliation: what entries moved on 1000 and 1010, against the payments,
refunds and disputes here and against what the provider booked.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import NamedTuple

from ledger.selectors.money import Moved, moved_by, moved_in
from ledger.templates.keys import BANK, PSP
from neruba.models import Project
from payments.entries import FEE
from payments.matching import (
    Item,
    Known,
    Line,
    Occasion,
    Section,
    State,
    Thing,
    kinds_of,
    match,
    occasion_of_entry,
    occasion_of_transaction,
    why_differs,
    why_missing_there,
)
from payments.models import Dispute, Payment, ProviderTransaction, Refund

PAGE = 500
MONEY = (PSP, BANK)
# A paid grant by hand: the grant is the record of its money.
GRANT_ISSUED = "grant.issue"
# The books alone keep these: there is no row that could say something else.
KEPT_AS_ENTRIES = frozenset({Occasion.PAYMENT_FAILED, Occasion.PAYOUT, Occasion.PAYOUT_FAILED})


@dataclass(frozen=True, slots=True)
class Period:
    """A project's time from `since` up to and without `to`; `fetched_to` is when its provider's
    account was last read.
    """

    project: Project
    since: datetime
    to: datetime
    fetched_to: datetime | None = None

    def holds(self, at: datetime) -> bool:
        return self.since <= at < self.to


class Name(NamedTuple):
    """How the books name a thing."""

    occasion: Occasion
    object: str


@dataclass(frozen=True, slots=True)
class Row:
    """A payment, refund or dispute as its own row has it; `provider` is its name at Stripe."""

    name: str
    provider: str
    amount_minor: int
    at: datetime
    fee_minor: int = 0


@dataclass
class _Page:
    """Some of the entries that moved money in the period, with all that belongs to them."""

    period: Period
    parts: Mapping[Name, Sequence[Moved]]
    rows: Mapping[Name, Row]
    transactions: Mapping[tuple[Occasion, str], Sequence[ProviderTransaction]]
    known: dict[Thing, Known] = field(default_factory=dict)


def booked_items(period: Period) -> Iterator[Item]:
    """An item for each thing that moved money in the period: its row and the ledger, and where it
    moved 1000 the ledger and Stripe. A constant number of queries for PAGE entries.
    """
    for moved in moved_in(period.project, MONEY, since=period.since, to=period.to, size=PAGE):
        page = _page(period, moved)
        yield from _against_rows(page)
        yield from _against_provider(page)


def _page(period: Period, moved: Sequence[Moved]) -> _Page:
    names = {name for one in moved if (name := _name(one)).occasion != Occasion.OTHER}
    together = moved_by(
        period.project,
        MONEY,
        kinds={kind for name in names for kind in kinds_of(name.occasion)},
        objects={name.object for name in names},
    )
    parts: dict[Name, list[Moved]] = defaultdict(list)
    others = [one for one in moved if _name(one).occasion == Occasion.OTHER]
    for one in (*together, *others):
        parts[_name(one)].append(one)
    first = moved[0].entry
    mine = {
        name: some
        for name, some in parts.items()
        if _begins_in(period, some) >= first and (name in names or name.occasion == Occasion.OTHER)
    }
    rows = rows_of(period.project, list(mine))
    return _Page(period, mine, rows, _transactions(period.project, mine, rows))


def _name(moved: Moved) -> Name:
    occasion = occasion_of_entry(moved.key.kind)
    return Name(occasion, str(moved.key) if occasion == Occasion.OTHER else moved.key.object)


def _begins_in(period: Period, parts: Sequence[Moved]) -> int:
    """The first entry of a thing in the period: the thing is shown on that entry's page alone."""
    return min((one.entry for one in parts if period.holds(one.occurred_at)), default=0)


def rows_of(project: Project, names: Sequence[Name]) -> dict[Name, Row]:
    """The payments, refunds and disputes behind what the books name so; three queries."""
    keys: dict[Occasion, list[str]] = defaultdict(list)
    for name in names:
        keys[name.occasion].append(name.object)
    found: dict[Name, Row] = {}
    wanted = {*keys[Occasion.PAYMENT], *keys[Occasion.PAYMENT_FAILED]}
    for payment in Payment.objects.filter(project=project, operation_key__in=wanted):
        row = Row(
            payment.public_id,
            payment.charge_id or payment.provider_id,
            payment.amount_minor,
            payment.received_at,
            payment.fee_minor,
        )
        for occasion in (Occasion.PAYMENT, Occasion.PAYMENT_FAILED):
            found[Name(occasion, payment.operation_key)] = row
    wanted = {*keys[Occasion.REFUND], *keys[Occasion.REFUND_FAILED]}
    for refund in Refund.objects.filter(project=project, operation_key__in=wanted):
        for occasion, sign in ((Occasion.REFUND, -1), (Occasion.REFUND_FAILED, 1)):
            found[Name(occasion, refund.operation_key)] = Row(
                refund.public_id, refund.provider_id, sign * refund.amount_minor, refund.created_at
            )
    wanted = {*keys[Occasion.DISPUTE], *keys[Occasion.DISPUTE_WON]}
    for one in Dispute.objects.filter(project=project, operation_key__in=wanted):
        taken = Row(one.public_id, one.provider_id, -one.amount_minor, one.opened_at, one.fee_minor)
        back = Row(one.public_id, one.provider_id, one.amount_minor, one.closed_at or one.opened_at)
        found[Name(Occasion.DISPUTE, one.operation_key)] = taken
        found[Name(Occasion.DISPUTE_WON, one.operation_key)] = back
    return found


def provider_object(name: Name, row: Row | None) -> str:
    """What Stripe calls it: by its row, or by the name in the books."""
    if row is not None and row.provider:
        return row.provider
    return name.object.removeprefix("stripe:")


def _transactions(
    project: Project, names: Mapping[Name, object], rows: Mapping[Name, Row]
) -> dict[tuple[Occasion, str], list[ProviderTransaction]]:
    sources = {
        provider_object(name, rows.get(name)) for name in names if name.occasion != Occasion.OTHER
    }
    found: dict[tuple[Occasion, str], list[ProviderTransaction]] = defaultdict(list)
    mine = ProviderTransaction.objects.filter(project=project, source__in=sources).order_by("pk")
    for one in mine:
        found[occasion_of_transaction(one.type, one.category), one.source].append(one)
    return found


def _ledger_line(thing: Thing, moved: Moved, row: Row | None, name: str) -> Line:
    """What an entry moved, as amount and fee."""
    minor, fee = moved.minor, 0
    if moved.key.kind == FEE:
        return Line(thing, name, 0, moved.occurred_at, -minor)
    if thing.occasion == Occasion.DISPUTE and row is not None:
        fee = row.fee_minor
    if thing.occasion == Occasion.DISPUTE_WON and row is not None:
        # A part of the fee may come back with the money: the entry holds both as one.
        fee = row.amount_minor - minor
    return Line(thing, name, minor + fee, moved.occurred_at, fee)


def _of_account(page: _Page, name: Name, code: str) -> dict[str, tuple[list[Moved], list[Moved]]]:
    """What a thing moved on an account, by currency: in the period, and outside of it."""
    found: dict[str, tuple[list[Moved], list[Moved]]] = defaultdict(lambda: ([], []))
    for one in page.parts[name]:
        if one.code == code and one.minor:
            found[one.currency][not page.period.holds(one.occurred_at)].append(one)
    return found


def _against_rows(page: _Page) -> Iterator[Item]:
    here: list[Line] = []
    there: list[Line] = []
    for name in page.parts:
        row = page.rows.get(name)
        shown = row.name if row is not None else name.object
        for code in MONEY:
            for currency, (within, beyond) in _of_account(page, name, code).items():
                if not within:
                    continue
                thing = Thing(name.occasion, name.object, currency, code)
                lines = [_ledger_line(thing, one, row, shown) for one in within]
                there += lines
                here += _row_lines(thing, row, lines, within[0].key.kind)
                page.known[thing] = Known(booked_at=_first(beyond))
    explain = partial(_why_rows, page.known)
    yield from match(Section.PAYMENTS, here, there, explain=explain)


def _row_lines(thing: Thing, row: Row | None, lines: Sequence[Line], kind: str) -> list[Line]:
    if thing.occasion in KEPT_AS_ENTRIES or kind == GRANT_ISSUED:
        return list(lines)
    if row is None:
        return []
    fee = row.fee_minor if thing.account == PSP else 0
    if thing.occasion == Occasion.DISPUTE_WON:
        fee = sum(line.fee_minor for line in lines)
    return [Line(thing, row.name, row.amount_minor, row.at, fee)]


def _why_rows(known: Mapping[Thing, Known], thing: Thing, state: State) -> str:
    if state == State.DIFFERS:
        return why_differs(thing, known[thing])
    return "No payment, refund or dispute here stands behind this entry."


def _first(moved: Sequence[Moved]) -> datetime | None:
    return moved[0].occurred_at if moved else None


def _against_provider(page: _Page) -> Iterator[Item]:
    here: list[Line] = []
    there: list[Line] = []
    for name in page.parts:
        row = page.rows.get(name)
        at_provider = provider_object(name, row)
        shown = row.name if row is not None else name.object
        for currency, (within, beyond) in _of_account(page, name, PSP).items():
            if not within:
                continue
            thing = Thing(name.occasion, at_provider, currency, PSP)
            here += [_ledger_line(thing, one, row, shown) for one in within]
            found = page.transactions.get((name.occasion, at_provider), ())
            mine = [one for one in found if one.currency == currency]
            there += [
                transaction_line(thing, one) for one in mine if page.period.holds(one.created_at)
            ]
            away = [one.created_at for one in mine if not page.period.holds(one.created_at)]
            page.known[thing] = Known(
                booked_at=_first(beyond),
                moved_at=away[0] if away else None,
                moved_in=found[0].currency if found and not mine else "",
            )
    explain = partial(_why_provider, page)
    yield from match(Section.PROVIDER, here, there, explain=explain)


def transaction_line(thing: Thing, one: ProviderTransaction) -> Line:
    """What the provider booked."""
    return Line(thing, one.transaction_id, one.amount_minor, one.created_at, one.fee_minor)


def _why_provider(page: _Page, thing: Thing, state: State) -> str:
    if state == State.DIFFERS:
        return why_differs(thing, page.known[thing])
    return why_missing_there(thing, page.known[thing], fetched_to=page.period.fetched_to)
