"""The export of the books: Beancount and hledger take it and prove our balances."""

import csv
import io
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from ledger.models import JournalEntry
from ledger.selectors import export
from ledger.selectors.export import export_lines
from ledger.services.journal import post_entry, reverse_entry
from ledger.templates import AccountKey, Move, OperationKey
from neruba.models import Project
from neruba.sheets import harmless
from tests import factories
from tests.ledger.books import AT, books
from tests.ledger.programs import refusal

pytestmark = pytest.mark.django_db

PROGRAMS = ("beancount", "hledger")
ODD = (
    "7 Zwerge & Söhne",
    'the "quoted" \\ one',
    "acme-corp",
    "acme corp",
    "acme:corp",
    "株式会社; a|b, c:[2020-01-02]",
    "-20",
    "Own",
    "two  blanks",
    "date:2001-02-03",
    "line\nbreak\ttab",
    "🙂",
)


def odd_books(**options: Any) -> Project:
    """Every kind of account, odd names, three currencies, negative balances, a zero entry."""
    project = books(factories.project(**options))
    for number, name in enumerate(ODD):
        for unit, minor in (("JPY", 7), ("USD", 123_456_789), ("KWD", 1)):
            receivable = AccountKey("1100", unit, name)
            document = f"inv {name}"
            post_entry(
                project=project,
                key=OperationKey("issue", f"{name}/{unit}"),
                moves=(
                    Move(receivable, AccountKey("4010", unit), minor, document, f"line {name}"),
                    Move(receivable, AccountKey("2200", unit, "", f"vat {name}"), 3, document),
                    Move(AccountKey("2050", unit, name), AccountKey("2050", unit), 2, name),
                    Move(AccountKey("4900", unit), receivable, minor + 9, document),
                ),
                occurred_at=datetime(2026, 3, 8 + number, 23, 30, tzinfo=UTC),
                at=AT,
            )
    key = OperationKey("issue", f"{ODD[0]}/KWD")
    reversal = OperationKey("void", f"{ODD[0]}/KWD")
    when = datetime(2026, 4, 1, tzinfo=UTC)
    reverse_entry(project=project, key_of=key, key=reversal, occurred_at=when, at=AT)
    nothing = OperationKey("issue", "; nothing")
    post_entry(project=project, key=nothing, moves=(), occurred_at=when, at=AT)
    return project


def exported(project: Project, form: str, **bounds: datetime | None) -> str:
    return "".join(export_lines(project, form, **bounds))


@pytest.mark.parametrize("form", PROGRAMS)
def test_the_program_takes_the_whole_books(form: str, tmp_path: Path) -> None:
    text = exported(odd_books(), form)
    assert refusal(form, text, tmp_path) == ""
    # Accounts (three currencies, each with own ones of every customer) and totals are asserted.
    assert len(re.findall(r" balance | =\*? ", text)) > 5 * len(ODD)


@pytest.mark.parametrize("form", PROGRAMS)
@pytest.mark.parametrize("zone", ["UTC", "Pacific/Kiritimati", "America/Los_Angeles"])
def test_the_program_takes_a_period(form: str, zone: str, tmp_path: Path) -> None:
    project = odd_books(timezone=zone)
    for since, to in ((5, None), (12, 13), (1, 20), (None, 9), (28, 29)):
        bounds: dict[str, Any] = {
            "since": since and datetime(2026, 3, since, 7, 11, tzinfo=UTC),
            "to": to and datetime(2026, 3, to, 23, 59, tzinfo=UTC),
        }
        text = exported(project, form, **bounds)
        assert refusal(form, text, tmp_path) == "", bounds
        assert ("Opening balances" in text) == (since is not None)


@pytest.mark.parametrize("form", PROGRAMS)
def test_the_program_takes_empty_books(form: str, tmp_path: Path) -> None:
    project = factories.project()
    assert refusal(form, exported(project, form), tmp_path) == ""
    assert refusal(form, exported(project, form, since=AT), tmp_path) == ""


@pytest.mark.parametrize("form", PROGRAMS)
@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (r"12\.30 USD", "12.31 USD"),  # one side of a transfer
        (r"(balance \S+|=\*?) +1230 ", r"\1 1231 "),  # a balance, in the smallest unit there is
        (r"(balance \S+|=\*?) +-20\.00 ", r"\1 -20.01 "),
    ],
)
def test_the_program_finds_a_wrong_amount(
    form: str, right: str, wrong: str, tmp_path: Path
) -> None:
    text = exported(books(), form)
    tampered, changed = re.subn(right, wrong, text, count=1)
    assert changed, text
    assert refusal(form, tampered, tmp_path)


@pytest.mark.parametrize("form", PROGRAMS)
def test_the_program_finds_a_transfer_that_was_left_out(form: str, tmp_path: Path) -> None:
    text = exported(books(), form)
    blocks = text.split("\n\n")
    (gone,) = [block for block in blocks if "draw:invoice-1:1" in block]
    assert refusal(form, text.replace(f"\n\n{gone}", ""), tmp_path)


def test_the_parts_of_an_export_meet(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    project = odd_books()
    whole = exported(project, "hledger")
    monkeypatch.setattr(export, "ENTRIES_A_READ", 3)
    monkeypatch.setattr(export, "ACCOUNTS_A_READ", 2)
    assert exported(project, "hledger") == whole


def test_each_part_is_read_once_and_the_queries_grow_with_parts_alone() -> None:
    project = odd_books()
    with CaptureQueriesContext(connection) as few:
        exported(project, "beancount")
    with CaptureQueriesContext(connection) as period:
        exported(project, "csv")
    assert len(few) <= 16
    assert len(period) <= 7


def test_csv_holds_every_transfer_with_its_amount() -> None:
    project = odd_books()
    rows = list(csv.DictReader(io.StringIO(exported(project, "csv"), newline="")))
    entries = JournalEntry.objects.filter(project=project).order_by("occurred_at", "pk")
    assert list(dict.fromkeys(row["object"] for row in rows)) == list(
        dict.fromkeys(harmless(entry.object) for entry in entries)
    )
    assert {row["amount"] for row in rows if row["currency"] == "JPY"} >= {"7", "1230"}
    assert {row["amount"] for row in rows if row["currency"] == "KWD"} == {
        "0.001",
        "0.002",
        "0.003",
        "0.010",
    }
    assert {row["debit_customer"] for row in rows} >= {"'-20", "acme:corp", ODD[5]}
    (zero,) = [row for row in rows if row["object"] == "; nothing"]
    assert (zero["amount"], zero["debit_code"]) == ("", "")


def test_another_projects_books_are_left_out() -> None:
    mine = books()
    theirs = factories.project()
    post_entry(
        project=theirs,
        key=OperationKey("issue", "hidden"),
        moves=(Move(AccountKey("1100", "EUR", "hidden"), AccountKey("4000", "EUR"), 1),),
        occurred_at=AT,
        at=AT,
    )
    for form in (*PROGRAMS, "csv"):
        assert "hidden" in exported(theirs, form)
        assert "hidden" not in exported(mine, form)
        assert "EUR" not in exported(mine, form)


def test_the_command_writes_a_file(tmp_path: Path) -> None:
    project = books()
    file = tmp_path / "books.beancount"
    given = ["--project", project.slug, "--format", "beancount", "--output", str(file)]
    call_command("export_ledger", *given, "--from", "2026-03-04T00:00:00Z")
    text = file.read_bytes().decode()
    assert text == exported(project, "beancount", since=datetime(2026, 3, 4, tzinfo=UTC))
    assert list(tmp_path.iterdir()) == [file]
    with pytest.raises(CommandError, match="nothing between"):
        call_command(
            "export_ledger",
            *given,
            *("--from", "2026-03-04T00:00:00Z", "--to", "2026-03-04T00:00:00Z"),
        )


def test_the_command_writes_to_standard_output(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    project = books()
    with capfdbinary.disabled():
        expected = exported(project, "hledger")
    call_command("export_ledger", "--project", project.slug, "--format", "hledger")
    assert capfdbinary.readouterr().out.decode() == expected
