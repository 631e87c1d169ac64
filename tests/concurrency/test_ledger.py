"""Rivals at one account, one key, one new account: floors hold, and nothing is posted twice."""

from collections import Counter
from collections.abc import Callable
from functools import partial

import pytest

from ledger.errors import AlreadyReversedError, BalanceTooLowError
from ledger.models import Account, JournalEntry, Transfer
from ledger.selectors.verify import book_differences
from ledger.services.journal import Posted, post_entries, post_entry, reverse_entry
from ledger.templates import AccountKey, Move, OperationKey, Posting
from neruba.edge import run_atomic
from neruba.models import Project
from tests import factories
from tests.concurrency.rivals import at_once, needs_row_locks
from tests.ledger.books import AT, BALANCE, BANK, GRANT, RECEIVABLE, USAGE

pytestmark = [needs_row_locks, pytest.mark.django_db(transaction=True)]

RIVALS = 8


def post(project: Project, key: OperationKey, *moves: Move) -> Callable[[], Posted]:
    work = partial(post_entry, project=project, key=key, moves=moves, occurred_at=AT, at=AT)
    return partial(run_atomic, work, attempts=20)


def outcomes(results: list[Posted | Exception]) -> Counter[str]:
    return Counter(
        type(result).__name__
        if isinstance(result, Exception)
        else ("replayed" if result.replayed else "posted")
        for result in results
    )


def test_rivals_cannot_draw_more_than_there_is() -> None:
    project = factories.project()
    post(project, OperationKey("grant", "1"), Move(BANK, GRANT, 100))()

    results = at_once(
        [
            post(project, OperationKey("draw", str(number)), Move(GRANT, RECEIVABLE, 30))
            for number in range(RIVALS)
        ]
    )

    assert outcomes(results) == {"posted": 3, BalanceTooLowError.__name__: RIVALS - 3}
    assert Account.objects.get(code="2000").balance_minor == 10
    assert list(book_differences(project)) == []


def test_rivals_with_one_key_post_once() -> None:
    project = factories.project()

    results = at_once([post(project, OperationKey("pay", "1"), Move(BANK, BALANCE, 5))] * RIVALS)

    assert outcomes(results) == {"posted": 1, "replayed": RIVALS - 1}
    assert JournalEntry.objects.count() == 1
    assert Account.objects.get(code="2020").balance_minor == 5


def test_rivals_open_an_account_once() -> None:
    project = factories.project()

    results = at_once(
        [
            post(
                project,
                OperationKey("issue", str(number)),
                Move(RECEIVABLE, USAGE, 5),
                Move(AccountKey("1100", "USD", f"c{number}"), USAGE, 5),
            )
            for number in range(RIVALS)
        ]
    )

    assert outcomes(results) == {"posted": RIVALS}
    assert Account.objects.count() == RIVALS + 2
    assert list(book_differences(project)) == []


def test_rivals_reverse_an_entry_once() -> None:
    project = factories.project()
    key = OperationKey("issue", "1")
    post(project, key, Move(RECEIVABLE, USAGE, 5))()

    def reverse(number: int) -> Callable[[], Posted]:
        work = partial(
            reverse_entry,
            project=project,
            key_of=key,
            key=OperationKey("void", str(number)),
            occurred_at=AT,
            at=AT,
        )
        return partial(run_atomic, work, attempts=20)

    results = at_once([reverse(number) for number in range(RIVALS)])

    assert outcomes(results) == {"posted": 1, AlreadyReversedError.__name__: RIVALS - 1}
    assert list(book_differences(project)) == []


def test_rivals_that_move_the_same_accounts_in_other_orders_all_get_through() -> None:
    project = factories.project()
    accounts = [AccountKey("2020", "USD", f"c{number}") for number in range(6)]
    postings = [
        Posting(OperationKey("pay", account.party), (Move(BANK, account, 1000),), AT)
        for account in accounts
    ]
    post_entries(project=project, postings=postings, at=AT)

    def shuffle_money(number: int) -> Callable[[], Posted]:
        moves = [
            Move(accounts[(number + step) % 6], accounts[(number + 2 * step + 1) % 6], 1)
            for step in range(5)
        ]
        return post(
            project,
            OperationKey("move", str(number)),
            *(move for move in moves if move.debit != move.credit),
        )

    results = at_once([shuffle_money(number) for number in range(RIVALS)])

    assert outcomes(results) == {"posted": RIVALS}
    assert list(book_differences(project)) == []
    assert Transfer.objects.filter(entry__kind="pay").count() == 6
