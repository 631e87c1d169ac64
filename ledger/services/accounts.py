"""Accounts: opened by what is first posted to them; kept balances move with each posting."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from django.db import IntegrityError, transaction

from ledger import locks
from ledger.chart import CHART
from ledger.errors import BalanceTooLowError
from ledger.models import Account
from ledger.selectors.accounts import accounts_by_key
from ledger.templates import AccountKey, Posting
from neruba.inserts import insert_rows
from neruba.models import Project
from neruba.money import Money
from neruba.updates import update_rows

COLUMNS = ("project_id", *AccountKey._fields, "balance_minor")


def open_accounts(*, project: Project, keys: Collection[AccountKey]) -> dict[AccountKey, int]:
    """The ids of the accounts of these keys, made where they did not exist, in a few statements for
    all.
    """
    accounts = accounts_by_key(project, keys)
    missing = sorted(set(keys) - accounts.keys())
    while missing:
        try:
            with transaction.atomic():
                insert_rows(Account, COLUMNS, [_new_row(project, key) for key in missing])
        except IntegrityError:
            # A rival opened some of them; each round finds at least one of those.
            found = accounts_by_key(project, missing)
            if not found:
                raise
        else:
            found = accounts_by_key(project, missing)
        accounts |= found
        missing = [key for key in missing if key not in found]
    return accounts


def _new_row(project: Project, key: AccountKey) -> tuple[object, ...]:
    return (project.pk, *key, 0 if CHART[key.code].floor else None)


def move_balances(accounts: Mapping[AccountKey, int], postings: Sequence[Posting]) -> None:
    """Lock the accounts that keep a balance and move it, posting by posting.

    Raises BalanceTooLowError where a posting would take one below zero; a single order of postings
    is thus refused or accepted alike, in one call or in many.
    """
    kept = {key: pk for key, pk in accounts.items() if CHART[key.code].floor}
    locked = {account.pk: account for account in locks.accounts_with_floor(kept.values())}
    if not locked:
        return
    for posting in postings:
        for key, change in _changes(posting).items():
            account = locked[kept[key]]
            assert account.balance_minor is not None
            account.balance_minor += change
            if change < 0 and account.balance_minor < 0:
                raise _too_low(posting, key, account.balance_minor - change, -change)
    rows = [(pk, account.balance_minor) for pk, account in locked.items()]
    update_rows(Account, ("balance_minor",), rows)


def _changes(posting: Posting) -> dict[AccountKey, int]:
    """What a posting does to each account with a floor, in minor units of the normal side."""
    changes: dict[AccountKey, int] = defaultdict(int)
    for move in posting.moves:
        for key, debit, credit in ((move.debit, 1, 0), (move.credit, 0, 1)):
            if CHART[key.code].floor:
                amount = move.amount_minor
                changes[key] += CHART[key.code].balance(debit * amount, credit * amount)
    return changes


def _too_low(
    posting: Posting, key: AccountKey, standing_minor: int, asked_minor: int
) -> BalanceTooLowError:
    owner = f" of {key.party}" if key.party else ""
    return BalanceTooLowError(
        f"{CHART[key.code].name}{owner} stands at {Money(standing_minor, key.currency)}; "
        f"{posting.key} needs {Money(asked_minor, key.currency)}.",
        operation=str(posting.key),
    )
