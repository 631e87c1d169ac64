"""The books as CSV: a row a transfer, in the order of the accounting date. Pure."""

from collections.abc import Iterator

from ledger.chart import chart_account
from ledger.export.book import Book, ExportedEntry
from ledger.templates import AccountKey
from neruba.money import Money
from neruba.sheets import Row, csv_line

MEDIA_TYPE = "text/csv; charset=utf-8"
SUFFIX = "csv"
COLUMNS = (
    *("entry", "accounting_date", "occurred_at", "recorded_at", "kind", "object", "occurrence"),
    *("reverses", "document", "line", "debit_code", "debit_name", "debit_customer", "debit_sub"),
    *("credit_code", "credit_name", "credit_customer", "credit_sub", "amount", "currency"),
)
_OF_A_MOVE = 12


def csv_export_lines(book: Book) -> Iterator[str]:
    """A header and a line a transfer; an entry that moved nothing has one line without accounts.

    Balances are no rows here: a period's are its opening balances (`trial-balance?at=`) and these.
    """
    yield csv_line(COLUMNS)
    for entry in book.entries():
        yield "".join(csv_line(row) for row in _rows(entry))


def _rows(entry: ExportedEntry) -> Iterator[Row]:
    head = (
        *(entry.id, entry.on, entry.occurred_at, entry.recorded_at),
        *(entry.key.kind, entry.key.object, entry.key.occurrence),
        str(entry.reverses) if entry.reverses else "",
    )
    if not entry.moves:
        yield (*head, *[""] * _OF_A_MOVE)
    for move in entry.moves:
        unit = move.debit.currency
        yield (
            *(*head, move.document, move.line, *_side(move.debit), *_side(move.credit)),
            *(Money(move.amount_minor, unit), unit),
        )


def _side(key: AccountKey) -> tuple[str, str, str, str]:
    return key.code, chart_account(key.code).name, key.party, key.sub
