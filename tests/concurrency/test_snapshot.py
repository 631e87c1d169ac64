"""What is read in a snapshot stands still, and keeps nobody from writing."""

import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.db import DatabaseError, connection

from ledger.models import JournalEntry
from ledger.selectors.export import export_chunks, export_lines
from ledger.services.journal import post_entry
from ledger.templates import AccountKey, Move, OperationKey
from neruba.models import Project
from neruba.snapshot import snapshot
from tests.concurrency.rivals import needs_row_locks
from tests.ledger.books import books
from tests.ledger.programs import refusal

pytestmark = pytest.mark.django_db(transaction=True)

AT = datetime(2026, 3, 4, 12, tzinfo=UTC)


def post(project: Project, name: str) -> None:
    """A rival's entry, in the middle of the books, on a connection of its own."""
    faults: list[DatabaseError] = []

    def work() -> None:
        moves = (Move(AccountKey("1010", "USD"), AccountKey("4000", "USD"), 7, name),)
        try:
            key = OperationKey("rival", name)
            post_entry(project=project, key=key, moves=moves, occurred_at=AT, at=AT)
        except DatabaseError as error:
            faults.append(error)
        finally:
            connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(15)
    assert not thread.is_alive(), "the writer waits for the reader"
    assert not faults


@needs_row_locks
def test_an_export_does_not_see_what_is_posted_meanwhile(tmp_path: Path) -> None:
    project = books()
    expected = "".join(export_lines(project, "beancount"))
    seen = []
    for number, text in enumerate(export_lines(project, "beancount")):
        seen.append(text)
        if number == 4:
            post(project, "meanwhile")
    assert JournalEntry.objects.filter(project=project, kind="rival").exists()
    assert "".join(seen) == expected
    assert refusal("beancount", "".join(seen), tmp_path) == ""
    after = "".join(export_lines(project, "beancount"))
    assert "rival:meanwhile:1" in after
    assert refusal("beancount", after, tmp_path) == ""


@needs_row_locks
def test_without_a_snapshot_the_reader_would_see_it() -> None:
    project = books()
    rows = JournalEntry.objects.filter(project=project)
    before = rows.count()
    post(project, "one")
    assert rows.count() == before + 1
    with snapshot():
        inside = rows.count()
        post(project, "two")
        assert rows.count() == inside
    assert rows.count() == inside + 1


def test_a_download_that_is_given_up_ends_its_snapshot() -> None:
    project = books()
    chunks = export_chunks(project, "csv")
    next(chunks)
    chunks.close()  # type: ignore[attr-defined]
    lines = export_lines(project, "hledger")
    next(lines)
    lines.close()  # type: ignore[attr-defined]
    post(project, "later")
    assert JournalEntry.objects.filter(project=project, kind="rival").exists()
    # The connection can begin a transaction again, and write.
    moves = (Move(AccountKey("1010", "USD"), AccountKey("4000", "USD"), 7, "own"),)
    key = OperationKey("rival", "own")
    assert not post_entry(project=project, key=key, moves=moves, occurred_at=AT, at=AT).replayed
