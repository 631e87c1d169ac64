"""Laws of corrections, on the pure templates: what is deferred of a line is never overdrawn and
ends at zero, a void leaves no trace in what follows, recovery undoes a write-off.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from billing.rating.deferral import earned_minor
from ledger.templates.invoices import (
    BilledLine,
    CreditedLine,
    Deferral,
    credit_note_moves,
    invoice_moves,
    recovery_moves,
    write_off_moves,
)
from ledger.templates.keys import (
    BAD_DEBT,
    DEFERRED,
    DISCOUNTS,
    RECEIVABLE,
    REVENUE_FEES,
    TAX,
    AccountKey,
    Move,
)
from neruba.period import Interval

START = datetime(2026, 1, 1, tzinfo=UTC)
NAMES = {"currency": "USD", "party": "acme", "document": "invoice:1"}
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Pacific/Apia"])
AMOUNTS = st.integers(min_value=1, max_value=10**9)
RATES = st.sampled_from(["city", "vat"])


class Books:
    """A line billed ahead, and the debit balance of each account that its moves touch."""

    def __init__(self, amount_minor: int, period: Interval, zone: str) -> None:
        self.period, self.zone = period, zone
        self.balances: Counter[str] = Counter()
        self.post(invoice_moves([BilledLine("fee", amount_minor, "ahead")], **NAMES))

    def post(self, moves: Iterable[Move]) -> None:
        for move in moves:
            self.balances[move.debit.code] += move.amount_minor
            self.balances[move.credit.code] -= move.amount_minor

    def undo(self, moves: Iterable[Move]) -> None:
        self.post(Move(move.credit, move.debit, move.amount_minor) for move in moves)

    def deferral(self, at: datetime) -> Deferral:
        standing, recognised = -self.balances[DEFERRED], -self.balances[REVENUE_FEES]
        earned = earned_minor(standing + recognised, self.period, at=at, zone=self.zone)
        return Deferral("fee", standing, min(max(earned - recognised, 0), standing))

    def credit(self, amount_minor: int, at: datetime) -> tuple[Move, ...]:
        line = CreditedLine("note/fee", amount_minor, deferral=self.deferral(at))
        moves = credit_note_moves([line], **NAMES)
        self.post(moves)
        return moves


@st.composite
def periods(draw: st.DrawFn) -> Interval:
    start = START + timedelta(hours=draw(st.integers(0, 24 * 400)))
    return Interval(start, start + timedelta(hours=draw(st.integers(1, 24 * 400))))


@st.composite
def parted(draw: st.DrawFn) -> tuple[int, list[int]]:
    """An amount, and parts above zero that it consists of."""
    parts = draw(st.lists(AMOUNTS, min_size=1, max_size=5))
    return sum(parts), parts


def instants(period: Interval, many: int) -> st.SearchStrategy[list[datetime]]:
    """Before, in and after the period, in order."""
    around = st.datetimes(
        min_value=(period.start - timedelta(days=3)).replace(tzinfo=None),
        max_value=(period.end + timedelta(days=3)).replace(tzinfo=None),
        timezones=st.just(UTC),
    )
    return st.lists(around, min_size=many, max_size=many).map(sorted)


@given(st.data(), periods(), ZONES, AMOUNTS)
def test_a_line_credited_whole_leaves_nothing_deferred_and_only_what_was_earned(
    data: st.DataObject, period: Interval, zone: str, amount: int
) -> None:
    (at,) = data.draw(instants(period, 1))
    books = Books(amount, period, zone)
    books.credit(amount, at)
    earned = earned_minor(amount, period, at=at, zone=zone)
    assert books.balances[DEFERRED] == 0
    assert books.balances[RECEIVABLE] == 0
    # What was earned by then stays revenue, and is given away as a reduction.
    assert (-books.balances[REVENUE_FEES], books.balances[DISCOUNTS]) == (earned, earned)


@given(st.data(), periods(), ZONES, parted())
def test_parts_never_overdraw_what_is_deferred_and_end_at_zero(
    data: st.DataObject, period: Interval, zone: str, whole: tuple[int, list[int]]
) -> None:
    amount, parts = whole
    books, left = Books(amount, period, zone), amount
    for part, at in zip(parts, data.draw(instants(period, len(parts))), strict=True):
        books.credit(part, at)
        left -= part
        assert 0 <= -books.balances[DEFERRED] <= left
        assert books.balances[RECEIVABLE] == left
    assert books.balances[DEFERRED] == 0


@given(st.data(), periods(), ZONES, parted())
def test_a_void_credit_note_leaves_no_trace_in_what_follows(
    data: st.DataObject, period: Interval, zone: str, whole: tuple[int, list[int]]
) -> None:
    amount, parts = whole
    first, later = data.draw(instants(period, 2))
    books, untouched = Books(amount, period, zone), Books(amount, period, zone)
    books.undo(books.credit(parts[0], first))
    assert books.balances == untouched.balances
    books.credit(amount, later)
    untouched.credit(amount, later)
    assert books.balances == untouched.balances


def tax_off(sums: Mapping[tuple[AccountKey, str], int]) -> dict[AccountKey, int]:
    return {account: minor for (account, _), minor in sums.items() if account.code == TAX}


@st.composite
def written_off(
    draw: st.DrawFn,
) -> tuple[int, list[tuple[str, int]], list[Deferral], list[int]]:
    """An amount, the taxes on it by rate, what is deferred of lines, and parts in which it comes in
    after all.
    """
    amount, parts = draw(parted())
    deferrals = []
    for index in range(draw(st.integers(0, 3))):
        standing = draw(AMOUNTS)
        earned = draw(st.integers(0, standing))
        deferrals.append(Deferral(f"fee-{index}", standing, earned))
    taxes = [(rate, draw(st.integers(0, amount))) for rate in draw(st.sets(RATES))]
    return amount, taxes, deferrals, parts


@given(written_off())
def test_recovery_in_any_parts_returns_every_account(
    case: tuple[int, Sequence[tuple[str, int]], Sequence[Deferral], list[int]],
) -> None:
    amount, taxes, deferrals, parts = case
    moves = write_off_moves(amount, deferrals, taxes=taxes, **NAMES)
    given_up = [move for move in moves if move.credit.code == RECEIVABLE]
    sums: Counter[tuple[AccountKey, str]] = Counter()
    for move in given_up:
        sums[move.debit, move.line] += move.amount_minor
    taken = {line: minor for (account, line), minor in sums.items() if account.code == DEFERRED}
    for deferral in deferrals:
        assert taken.get(deferral.line, 0) <= deferral.unearned_minor
    assert sum(sums.values()) == amount
    off = tax_off(sums)
    recovered: list[Move] = []
    for part in parts:
        came = recovery_moves(given_up, recovered, amount_minor=part)
        recovered += came
        for move in came:
            sums[move.credit, move.line] -= move.amount_minor
        assert sum(move.amount_minor for move in came) == part
        assert min(sums.values()) >= 0
        # What is a loss comes back before what was not earned.
        losses = sum(minor for (account, _), minor in sums.items() if account.code == BAD_DEBT)
        assert losses == 0 or all(move.credit.code in (BAD_DEBT, TAX) for move in came)
        # So much of each tax is back as of the whole, to the minor unit.
        back = sum(move.amount_minor for move in recovered)
        for account, minor in off.items():
            exact = Fraction(minor * back, amount)
            assert abs(minor - tax_off(sums)[account] - exact) <= len(off)
    assert not any(sums.values())
