"""Posting: once, whole, within the floors, and never changed."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ledger.errors import (
    AlreadyReversedError,
    BalanceTooLowError,
    EntryNotFoundError,
    OperationKeyReusedError,
)
from ledger.models import Account, JournalEntry, Transfer
from ledger.selectors.journal import entries_of_document
from ledger.selectors.settlements import settlement_of
from ledger.services.journal import Posted, post_entries, post_entry, reverse_entry
from ledger.templates import AccountKey, Move, OperationKey, Posting
from ledger.templates.invoices import BilledLine, invoice_moves
from neruba.errors import InvariantError
from neruba.models import Project
from tests import factories

pytestmark = pytest.mark.django_db

AT = datetime(2026, 3, 1, 12, tzinfo=UTC)
BANK = AccountKey("1010", "USD")
RECEIVABLE = AccountKey("1100", "USD", "acme")
USAGE = AccountKey("4010", "USD")
BALANCE = AccountKey("2020", "USD", "acme")
SOME_KEY = OperationKey("k", "o")
PREPAID = AccountKey("2000", "USD", "acme", "grant-1")


def key(number: int = 1, kind: str = "issue") -> OperationKey:
    return OperationKey(kind, f"invoice-{number}")


def usage(amount_minor: int, number: int = 1) -> Move:
    return Move(RECEIVABLE, USAGE, amount_minor, f"invoice-{number}", "calls")


def paid_in(amount_minor: int) -> Move:
    return Move(BANK, BALANCE, amount_minor, "payment-1")


def paid_out(amount_minor: int) -> Move:
    return Move(BALANCE, RECEIVABLE, amount_minor, "invoice-1")


def post(project: Project, *moves: Move, key: OperationKey = SOME_KEY) -> Posted:
    return post_entry(project=project, key=key, moves=moves, occurred_at=AT, at=AT)


@pytest.fixture(params=["ids come back", "ids are read again"], autouse=True)
def bulk_insert(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """MySQL 8 returns no ids of a bulk insert; SQLite and MariaDB can be asked not to."""
    if request.param == "ids are read again":
        monkeypatch.setattr(type(connection.features), "can_return_rows_from_bulk_insert", False)


def rows() -> list[int]:
    return [model.objects.count() for model in (Account, JournalEntry, Transfer)]


def kept(account: AccountKey) -> int | None:
    row = Account.objects.get(
        code=account.code, currency=account.currency, party=account.party, sub=account.sub
    )
    return row.balance_minor


def test_an_entry_is_written_with_its_transfers_in_the_order_of_the_moves() -> None:
    project = factories.project()

    done = post(project, usage(1230), usage(7), usage(500), key=key())

    assert not done.replayed
    assert [transfer.amount_minor for transfer in done.transfers] == [1230, 7, 500]
    assert [row.amount_minor for row in Transfer.objects.order_by("id")] == [1230, 7, 500]
    assert {(row.document, row.line) for row in done.transfers} == {("invoice-1", "calls")}
    assert rows() == [2, 1, 3]
    assert str(done.entry) == "issue:invoice-1:1"


def test_the_accounting_month_is_that_of_the_projects_zone() -> None:
    project = factories.project(timezone="Pacific/Auckland")
    occurred_at = datetime(2026, 2, 28, 11, 0, tzinfo=UTC)  # midnight of 1 March in Auckland

    done = post_entry(project=project, key=key(), moves=[], occurred_at=occurred_at, at=AT)

    assert done.entry.month == "2026-03"
    assert (done.entry.occurred_at, done.entry.recorded_at) == (occurred_at, AT)


def test_replay_returns_the_first_entry_and_changes_nothing() -> None:
    project = factories.project()
    first = post(project, paid_in(500), usage(100))
    before = rows()

    again = post(project, paid_in(500), usage(100))

    assert again.replayed
    assert again.entry == first.entry
    assert again.transfers == first.transfers
    assert rows() == before
    assert kept(BALANCE) == 500


@pytest.mark.parametrize(
    "moves",
    [
        [paid_in(501)],
        [],
        [paid_in(500), paid_in(1)],
        [Move(BANK, BALANCE, 500, "payment-2")],
        [Move(BANK, BALANCE, 500, "payment-1", "line")],
    ],
)
def test_the_same_key_with_other_content_is_refused(moves: list[Move]) -> None:
    project = factories.project()
    post(project, paid_in(500))
    before = rows()

    with pytest.raises(OperationKeyReusedError):
        post(project, *moves)

    assert rows() == before
    assert kept(BALANCE) == 500


def test_the_same_key_on_another_date_is_refused() -> None:
    project = factories.project()
    post(project, usage(5))
    with pytest.raises(OperationKeyReusedError):
        post_entry(
            project=project,
            key=SOME_KEY,
            moves=[usage(5)],
            occurred_at=AT + timedelta(microseconds=1),
            at=AT,
        )


def test_two_projects_use_one_key_each_for_itself() -> None:
    one, other = factories.project(), factories.project()

    done = [post(project, usage(5)) for project in (one, other)]

    assert [posted.replayed for posted in done] == [False, False]
    assert {account.project for account in Account.objects.all()} == {one, other}


@pytest.mark.parametrize("names", [("a1", "A1"), ("e", "é"), ("a", "a b")])
def test_keys_and_parties_are_compared_byte_for_byte(names: tuple[str, str]) -> None:
    project = factories.project()
    for name in names:
        account = AccountKey("1100", "USD", name)
        post(project, Move(account, USAGE, 5, name), key=OperationKey("issue", name))
    assert rows() == [3, 2, 2]


def test_postings_together_are_postings_one_by_one() -> None:
    together, apart = factories.project(), factories.project()
    postings = [
        Posting(key(1), (usage(100, 1), paid_in(40)), AT),
        Posting(key(2), (), AT),
        Posting(key(3), (paid_out(15),), AT),
    ]

    done = post_entries(project=together, postings=postings, at=AT)
    one_by_one = [post_entries(project=apart, postings=[posting], at=AT)[0] for posting in postings]

    assert [row.entry.request_hash for row in done] == [
        row.entry.request_hash for row in one_by_one
    ]
    assert [len(row.transfers) for row in done] == [2, 0, 1]
    balances = Account.objects.filter(code="2020").values_list("balance_minor", flat=True)
    assert [*balances] == [25, 25]


def test_known_and_new_postings_mix() -> None:
    project = factories.project()
    postings = [Posting(key(number), (usage(number, number),), AT) for number in range(1, 6)]
    post_entries(project=project, postings=postings[1:3], at=AT)

    done = post_entries(project=project, postings=[*postings, postings[0]], at=AT)

    assert [row.replayed for row in done] == [False, True, True, False, False, True]
    assert [row.transfers[0].amount_minor for row in done] == [1, 2, 3, 4, 5, 1]
    assert rows() == [2, 5, 5]


def test_one_refused_posting_of_many_refuses_them_all() -> None:
    project = factories.project()
    postings = [
        Posting(key(1), (paid_in(10),), AT),
        Posting(key(2), (paid_out(11),), AT),
        Posting(key(3), (paid_in(10),), AT),
    ]

    with pytest.raises(BalanceTooLowError) as refused:
        post_entries(project=project, postings=postings, at=AT)

    assert refused.value.params == {"operation": "issue:invoice-2:1"}
    assert refused.value.detail == (
        "Customer balance of acme stands at 0.10 USD; issue:invoice-2:1 needs 0.11 USD."
    )
    assert rows() == [0, 0, 0]


def test_a_floor_can_be_reached_and_not_passed() -> None:
    project = factories.project()
    post(project, Move(BANK, PREPAID, 300), key=OperationKey("grant", "1"))

    post(project, Move(PREPAID, RECEIVABLE, 300), key=OperationKey("draw", "1"))
    assert kept(PREPAID) == 0
    before = rows()
    with pytest.raises(BalanceTooLowError):
        post(project, Move(PREPAID, RECEIVABLE, 1), key=OperationKey("draw", "2"))

    assert kept(PREPAID) == 0
    assert rows() == before


def test_within_one_entry_only_the_sum_counts_for_a_floor() -> None:
    project = factories.project()
    post(project, paid_out(5), paid_in(5))
    assert kept(BALANCE) == 0


def test_shared_accounts_keep_no_balance() -> None:
    project = factories.project()
    post(project, usage(5), paid_in(7))
    assert (kept(USAGE), kept(RECEIVABLE), kept(BANK)) == (None, None, None)


def test_a_reversal_is_the_mirror_and_names_what_it_reverses() -> None:
    project = factories.project()
    first = post(project, paid_in(500), usage(100), key=key())

    done = reverse_entry(project=project, key_of=key(), key=key(kind="void"), occurred_at=AT, at=AT)

    assert done.entry.reverses == first.entry
    assert [
        (row.debit_account, row.credit_account, row.amount_minor, row.document, row.line)
        for row in done.transfers
    ] == [
        (row.credit_account, row.debit_account, row.amount_minor, row.document, row.line)
        for row in first.transfers
    ]
    assert kept(BALANCE) == 0
    assert settlement_of(project, "invoice-1").due_minor == 0


def test_a_reversal_is_replayed_by_its_key_and_refused_by_another() -> None:
    project = factories.project()
    post(project, usage(100), key=key())

    def reverse(kind: str) -> Posted:
        return reverse_entry(
            project=project, key_of=key(), key=key(kind=kind), occurred_at=AT, at=AT
        )

    first = reverse("void")
    assert reverse("void").entry == first.entry
    before = rows()
    with pytest.raises(AlreadyReversedError, match="was reversed by void:invoice-1:1"):
        reverse("void-again")
    assert rows() == before


def test_two_reversals_of_one_entry_in_one_call_are_refused() -> None:
    project = factories.project()
    post(project, key=key())
    twice = [Posting(key(kind=kind), (), AT, reverses=key()) for kind in ("void", "undo")]
    with pytest.raises(AlreadyReversedError):
        post_entries(project=project, postings=twice, at=AT)
    assert rows() == [0, 1, 0]


def test_what_is_not_there_cannot_be_reversed() -> None:
    project, other = factories.project(), factories.project()
    post(other, usage(1), key=key())
    with pytest.raises(EntryNotFoundError):
        reverse_entry(project=project, key_of=key(), key=key(2), occurred_at=AT, at=AT)


def test_a_reversal_that_is_no_mirror_is_a_fault() -> None:
    project = factories.project()
    post(project, usage(100), key=key())
    for moves in ([], [usage(100)], [Move(USAGE, RECEIVABLE, 99, "invoice-1", "calls")]):
        with pytest.raises(InvariantError, match="no mirror"):
            post_entry(
                project=project, key=key(2), moves=moves, occurred_at=AT, at=AT, reverses=key()
            )


@pytest.mark.parametrize(
    ("move", "problem"),
    [
        (usage(0), "an amount of 0"),
        (usage(-5), "an amount of -5"),
        (usage(10**18), "an amount of 1000000000000000000"),
        (Move(USAGE, USAGE, 5), "the same account"),
        (Move(RECEIVABLE, AccountKey("4010", "EUR"), 5), "do not mix"),
        (Move(AccountKey("1100", "USD"), USAGE, 5), "1100 needs a customer"),
        (Move(RECEIVABLE, AccountKey("4010", "USD", "acme"), 5), "4010 is shared"),
        (Move(RECEIVABLE, AccountKey("4711", "USD"), 5), "'4711'"),
        (Move(BANK, AccountKey("2000", "USD", "acme"), 5), "2000 needs a grant"),
        (Move(RECEIVABLE, AccountKey("4010", "USD", sub="x"), 5), "not divided"),
        (Move(AccountKey("1010", "XXX"), AccountKey("4010", "XXX"), 5), "no currency"),
    ],
)
def test_moves_that_the_chart_does_not_allow_are_faults(move: Move, problem: str) -> None:
    project = factories.project()
    with pytest.raises(InvariantError, match=problem):
        post(project, move)
    assert rows() == [0, 0, 0]


def test_an_invoices_moves_stand_in_the_books() -> None:
    project = factories.project()
    lines = [
        BilledLine("base", 2000, "ahead"),
        BilledLine("calls", 455, "usage"),
        BilledLine("nothing", 0, "usage"),
        BilledLine("back", -100, "ahead"),
    ]
    moves = invoice_moves(lines, currency="USD", party="acme", document="invoice-1")

    done = post(project, *moves, key=key())

    assert [row.line for row in done.transfers] == ["base", "calls", "back"]
    assert settlement_of(project, "invoice-1").due_minor == 2355
    assert settlement_of(project, "invoice-2").due_minor == 0


def test_the_number_of_statements_does_not_grow_with_the_postings() -> None:
    project = factories.project()

    def statements(numbers: range) -> int:
        postings = [
            Posting(
                key(number),
                (
                    Move(AccountKey("1100", "USD", f"c{number}"), USAGE, 5, f"invoice-{number}"),
                    Move(BANK, AccountKey("2020", "USD", f"c{number}"), 5),
                ),
                AT,
            )
            for number in numbers
        ]
        with CaptureQueriesContext(
            connection,
        ) as captured:
            post_entries(project=project, postings=postings, at=AT)
        return len(captured)

    few, many = statements(range(1, 3)), statements(range(3, 303))
    # SQLite takes a bulk statement in parts of some hundred rows; MariaDB and MySQL take it whole.
    assert many - few <= (25 if connection.vendor == "sqlite" else 0), (few, many)


def test_the_entries_of_a_document_are_those_with_a_transfer_that_names_it() -> None:
    project, other = factories.project(), factories.project()
    for each in (project, other):
        post(each, usage(100), key=key(1))
        post(each, usage(7, 2), usage(8, 2), key=key(2))
        post(each, Move(BANK, RECEIVABLE, 100, "invoice-1"), key=key(1, "payment"))

    found = entries_of_document(project, "invoice-1")

    assert [str(entry) for entry in found] == ["issue:invoice-1:1", "payment:invoice-1:1"]
    assert entries_of_document(project, "invoice-2").count() == 1
    assert entries_of_document(project, "invoice-3").count() == 0
