"""What is in the books stays: the database itself refuses, whoever asks."""

import pytest
from django.db import DatabaseError, connection, transaction

from ledger.models import JournalEntry, Transfer
from neruba.append_only import missing_triggers, purging
from tests.ledger.books import books

pytestmark = pytest.mark.django_db

STATEMENTS = [
    "UPDATE ledger_transfer SET amount_minor = amount_minor + 1",
    "UPDATE ledger_transfer SET document = 'another'",
    "DELETE FROM ledger_transfer",
    "UPDATE ledger_journalentry SET occurrence = 7 WHERE kind = 'issue'",
    "DELETE FROM ledger_journalentry WHERE kind = 'issue'",
]


def content() -> list[list[object]]:
    return [[*model.objects.order_by("pk").values()] for model in (JournalEntry, Transfer)]


def test_all_triggers_stand() -> None:
    assert missing_triggers() == []


@pytest.mark.parametrize("statement", STATEMENTS)
def test_raw_sql_cannot_change_history(statement: str) -> None:
    books()
    before = content()

    with (
        pytest.raises(DatabaseError, match="is append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(statement)

    assert content() == before


def test_the_orm_cannot_change_history() -> None:
    books()
    before = content()
    entry, transfer = JournalEntry.objects.first(), Transfer.objects.first()
    assert entry is not None
    assert transfer is not None
    entry.kind, transfer.amount_minor = "other", 1

    for attempt in (
        entry.save,
        transfer.save,
        transfer.delete,
        Transfer.objects.all().delete,
        lambda: JournalEntry.objects.update(month="2020-01"),
        lambda: Transfer.objects.bulk_update([transfer], ["amount_minor"]),
    ):
        with pytest.raises(DatabaseError, match="is append-only"), transaction.atomic():
            attempt()

    assert content() == before


def test_a_replacing_insert_cannot_change_history() -> None:
    books()
    before = content()
    with (
        pytest.raises(DatabaseError, match="is append-only"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute("REPLACE INTO ledger_transfer SELECT * FROM ledger_transfer")
    assert content() == before


def test_after_a_purge_history_is_protected_again() -> None:
    books()
    with purging():
        Transfer.objects.filter(document="grant-1").update(line="purged")
    with pytest.raises(DatabaseError, match="is append-only"), transaction.atomic():
        Transfer.objects.filter(document="grant-1").update(line="")
