"""Verify finds nothing in sound books, and everything that was changed behind their back."""

from collections.abc import Callable

import pytest
from django.db import connection

from ledger.models import Account, JournalEntry, Transfer
from ledger.selectors.verify import book_differences
from neruba.append_only import install_triggers, purging
from neruba.models import Project
from tests import factories
from tests.ledger.books import books

pytestmark = pytest.mark.django_db


def kinds(project: Project) -> set[str]:
    return {difference.kind for difference in book_differences(project)}


def behind_the_back(change: Callable[[], object]) -> None:
    """What someone does who owns the database: the triggers are silenced first."""
    with purging():
        change()


def transfers(line: str) -> Callable[..., int]:
    return Transfer.objects.filter(line=line).update


def entries(object_id: str) -> Callable[..., int]:
    return JournalEntry.objects.filter(kind="issue", object=object_id).update


def test_sound_books_have_no_differences() -> None:
    assert list(book_differences(books())) == []


CHANGES: dict[str, tuple[Callable[[], object], set[str]]] = {
    "an amount": (lambda: transfers("base")(amount_minor=1999), {"entry"}),
    "a line": (lambda: transfers("base")(line="fee"), {"entry"}),
    "a document": (lambda: transfers("base")(document="invoice-9"), {"entry"}),
    "a date": (
        lambda: entries("invoice-1")(occurred_at=factories.START),
        {"entry", "month"},
    ),
    "a month": (lambda: entries("invoice-1")(month="2026-02"), {"month"}),
    "an object": (lambda: entries("invoice-1")(object="invoice-9"), {"entry"}),
    "a hash": (lambda: entries("invoice-1")(request_hash="0" * 64), {"entry"}),
    "a currency of a transfer": (lambda: transfers("base")(currency="EUR"), {"currency"}),
    "a transfer is gone": (
        lambda: Transfer.objects.filter(line="base").delete(),
        {"entry"},
    ),
    "an amount that was drawn": (
        lambda: Transfer.objects.filter(debit_account__code="2000").update(amount_minor=481),
        {"entry", "balance"},
    ),
    "more drawn than granted": (
        lambda: Transfer.objects.filter(debit_account__code="2000").update(amount_minor=501),
        {"entry", "balance", "floor"},
    ),
    "a reversal is no longer one": (
        lambda: JournalEntry.objects.filter(kind="void").update(reverses=None),
        {"entry"},
    ),
    "the original of a reversal": (
        lambda: entries("invoice-2")(occurrence=2),
        {"entry"},
    ),
    "an amount of a reversal": (
        lambda: Transfer.objects.filter(entry__kind="void").update(amount_minor=76),
        {"entry", "reversal"},
    ),
    "an account's code": (
        lambda: Account.objects.filter(code="2100").update(code="2199"),
        {"entry", "account"},
    ),
    "an account's customer": (
        lambda: Account.objects.filter(code="2100").update(party="beta"),
        {"entry"},
    ),
    "a kept balance": (
        lambda: Account.objects.filter(code="2020").update(balance_minor=251),
        {"balance"},
    ),
    "a balance that nobody keeps": (
        lambda: Account.objects.filter(code="2100").update(balance_minor=2000),
        {"balance"},
    ),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_behind_the_back_is_seen(name: str) -> None:
    project = books()
    change, expected = CHANGES[name]

    behind_the_back(change)

    assert kinds(project) == expected


def test_a_transfer_into_another_project_is_seen() -> None:
    project, other = books(), books()
    stray = Account.objects.filter(project=other, code="4010", currency="USD")
    account = stray.get()
    behind_the_back(
        lambda: Transfer.objects.filter(project=project, line="base").update(credit_account=account)
    )
    assert "project" in kinds(project)


def test_a_transfer_added_behind_the_back_is_seen() -> None:
    project = books()
    entry = JournalEntry.objects.get(project=project, object="invoice-1", kind="issue")
    debit = Account.objects.get(project=project, code="1010")
    credit = Account.objects.get(project=project, code="2020")

    # The triggers do not mind an insert; the entry's hash does.
    Transfer.objects.create(
        project=project,
        entry=entry,
        debit_account=debit,
        credit_account=credit,
        amount_minor=5,
        currency="USD",
    )

    assert kinds(project) == {"entry", "balance"}


def test_a_difference_says_what_and_where() -> None:
    project = books()
    behind_the_back(lambda: Account.objects.filter(code="2020").update(balance_minor=251))
    (difference,) = book_differences(project)
    assert difference.object == "2020 USD acme"
    assert difference.detail == "keeps 251, its transfers sum to 250"


def test_the_difference_of_one_project_is_not_that_of_another() -> None:
    project, other = books(), books()
    rows = Transfer.objects.filter(project=other, line="base")
    behind_the_back(lambda: rows.update(amount_minor=1))
    assert kinds(project) == set()
    assert kinds(other) == {"entry"}


@pytest.mark.django_db(transaction=True)
def test_a_missing_trigger_is_seen() -> None:
    project = books()
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER ledger_transfer_no_update")
    try:
        (difference,) = book_differences(project)
        assert (difference.kind, difference.object) == ("trigger", "ledger_transfer_no_update")
    finally:
        install_triggers()
    assert list(book_differences(project)) == []
