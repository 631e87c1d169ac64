"""Laws of the books: they balance, kept balances are sums, and replay changes nothing."""

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from ledger.chart import CHART, account_problem
from ledger.errors import AlreadyReversedError, BalanceTooLowError
from ledger.fingerprint import entry_fingerprint
from ledger.models import Account, JournalEntry
from ledger.selectors.balances import account_sums, trial_balance
from ledger.selectors.settlements import settlement_of
from ledger.selectors.verify import book_differences
from ledger.services.journal import mirror, post_entries, post_entry, reverse_entry
from ledger.templates import AccountKey, Move, OperationKey, Posting
from ledger.templates.invoices import BilledLine, invoice_moves
from tests import factories

START = datetime(2026, 3, 1, tzinfo=UTC)
PARTIES = ("acme", "ACME", "ácme")
CURRENCIES = ("USD", "JPY")


def account_of(code: str, currency: str, party: str) -> AccountKey:
    known = CHART[code]
    return AccountKey(
        code,
        currency,
        party if known.party != "none" else "",
        f"{known.sub} 1" if known.sub else "",
    )


@st.composite
def moves(draw: st.DrawFn) -> Move:
    currency = draw(st.sampled_from(CURRENCIES))
    # Few accounts, those with a floor among them often, so that postings meet.
    codes = st.sampled_from(["1010", "1100", "2000", "2010", "2020", "2020", "2100", "4010"])
    parties = st.sampled_from(PARTIES)
    debit = account_of(draw(codes), currency, draw(parties))
    others = st.builds(account_of, codes, st.just(currency), parties)
    credit = draw(others.filter(lambda account: account != debit))
    document = draw(st.sampled_from(["invoice-1", "invoice-2", ""]))
    return Move(debit, credit, draw(st.integers(1, 500)), document, draw(st.sampled_from("ab")))


@st.composite
def postings(draw: st.DrawFn) -> Posting:
    key = OperationKey("k", f"o{draw(st.integers(1, 12))}", draw(st.integers(1, 2)))
    occurred_at = START + timedelta(days=draw(st.integers(0, 40)))
    return Posting(key, tuple(draw(st.lists(moves(), max_size=4))), occurred_at)


class Model:
    """The books as a dict: what they must say, computed without a database."""

    def __init__(self) -> None:
        self.entries: dict[OperationKey, Posting] = {}
        self.balances: Counter[AccountKey] = Counter()
        self.reversed: set[OperationKey] = set()

    def effect(self, posting: Posting) -> Counter[AccountKey]:
        effect: Counter[AccountKey] = Counter()
        for move in posting.moves:
            for key, debit in ((move.debit, 1), (move.credit, 0)):
                amount = move.amount_minor
                effect[key] += CHART[key.code].balance(debit * amount, (1 - debit) * amount)
        return effect

    def refusal(self, posting: Posting) -> type[Exception] | None:
        for key, change in self.effect(posting).items():
            if CHART[key.code].floor and change < 0 and self.balances[key] + change < 0:
                return BalanceTooLowError
        return None

    def post(self, posting: Posting) -> None:
        self.entries[posting.key] = posting
        for key, change in self.effect(posting).items():
            self.balances[key] += change


class Books(RuleBasedStateMachine):
    """Any postings, reversals and repeats in any order: the database says what the model says."""

    @initialize()
    def open_books(self) -> None:
        self.undo = transaction.atomic()
        self.undo.__enter__()
        self.project = factories.project()
        self.model = Model()

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.undo.__exit__(None, None, None)

    @rule(posting=postings())
    def post(self, posting: Posting) -> None:
        known = self.model.entries.get(posting.key)
        if known is not None and known != posting:
            return
        refusal = None if known else self.model.refusal(posting)
        if refusal is not None:
            with pytest.raises(refusal):
                post_entries(project=self.project, postings=[posting], at=START)
            return
        (done,) = post_entries(project=self.project, postings=[posting], at=START)
        assert done.replayed is (known is not None)
        if known is None:
            self.model.post(posting)

    @rule(number=st.integers(0, 100), occurrence=st.integers(1, 2))
    def reverse(self, number: int, occurrence: int) -> None:
        keys = sorted(self.model.entries, key=str)
        if not keys:
            return
        original = self.model.entries[keys[number % len(keys)]]
        key = OperationKey("reverse", str(original.key), occurrence)
        posting = Posting(key, mirror(original.moves), START, original.key)
        if key not in self.model.entries:
            taken = original.key in self.model.reversed
            refusal = AlreadyReversedError if taken else self.model.refusal(posting)
            if refusal is not None:
                with pytest.raises(refusal):
                    self._reverse(posting)
                return
            self.model.post(posting)
            self.model.reversed.add(original.key)
        self._reverse(posting)

    def _reverse(self, posting: Posting) -> None:
        assert posting.reverses is not None
        reverse_entry(
            project=self.project,
            key_of=posting.reverses,
            key=posting.key,
            occurred_at=START,
            at=START,
        )

    @rule()
    def repeat_everything(self) -> None:
        everything = list(self.model.entries.values())
        done = post_entries(project=self.project, postings=everything, at=START)
        assert all(posted.replayed for posted in done)

    @invariant()
    def the_books_say_what_the_model_says(self) -> None:
        entries = JournalEntry.objects.filter(project=self.project)
        assert entries.count() == len(self.model.entries)
        accounts = list(Account.objects.filter(project=self.project))
        sums = account_sums(accounts)
        for account in accounts:
            key = AccountKey(account.code, account.currency, account.party, account.sub)
            balance = CHART[account.code].balance(*sums[account.pk])
            assert balance == self.model.balances[key]
            assert account.balance_minor in (None, balance)
            assert not (CHART[account.code].floor and balance < 0)

    @invariant()
    def the_books_balance(self) -> None:
        for currency in CURRENCIES:
            rows = trial_balance(self.project, currency=currency)
            assert sum(row.debit_minor for row in rows) == sum(row.credit_minor for row in rows)
        # Any postings keep the law of no promotion.
        found = [one for one in book_differences(self.project) if one.kind != "promotions"]
        assert found == []


@pytest.mark.django_db
def test_the_books_say_what_the_model_says() -> None:
    # A run of the machine is worth some twenty examples of a function.
    examples = max(settings().max_examples // 5, 1)
    machine = settings(max_examples=examples, stateful_step_count=20)
    run_state_machine_as_test(Books, settings=machine)


@given(st.lists(moves(), max_size=6))
def test_mirroring_twice_gives_the_moves_back(given_moves: list[Move]) -> None:
    assert mirror(mirror(given_moves)) == tuple(given_moves)


@given(postings(), postings())
def test_fingerprints_are_equal_where_the_content_is(one: Posting, other: Posting) -> None:
    def fingerprint(posting: Posting) -> str:
        return entry_fingerprint(
            key=posting.key,
            occurred_at=posting.occurred_at,
            moves=posting.moves,
            reverses=posting.reverses,
        )

    assert (fingerprint(one) == fingerprint(other)) is (one == other)


lines = st.lists(
    st.builds(
        BilledLine,
        line=st.uuids().map(str),
        amount_minor=st.integers(-(10**6), 10**6),
        earned=st.sampled_from(["ahead", "usage", "fee"]),
    ),
    max_size=8,
)


@given(lines, st.sampled_from(CURRENCIES))
def test_the_moves_of_an_invoice_fit_the_chart_and_print_its_lines(
    billed: list[BilledLine], currency: str
) -> None:
    done = invoice_moves(billed, currency=currency, party="acme", document="invoice-1")

    assert all(not account_problem(key) for move in done for key in (move.debit, move.credit))
    assert {move.line: move.amount_minor for move in done} == {
        line.line: abs(line.amount_minor) for line in billed if line.amount_minor
    }


@pytest.mark.django_db
@given(billed=lines)
def test_what_is_receivable_of_an_invoice_is_its_total(billed: list[BilledLine]) -> None:
    with transaction.atomic():
        project = factories.project()
        issued = invoice_moves(billed, currency="USD", party="acme", document="invoice-1")
        key = OperationKey("issue", "invoice-1")
        post_entry(project=project, key=key, moves=issued, occurred_at=START, at=START)
        total = sum(line.amount_minor for line in billed)
        assert settlement_of(project, "invoice-1").due_minor == total
        transaction.set_rollback(True)
