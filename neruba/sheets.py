"""Tables for spreadsheets, as CSV and as XLSX: typed columns, rows as they come. Pure.

Only one row is in memory at a time, so that a table may be of any length.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import IO, Any, Literal

import xlsxwriter  # type: ignore[import-untyped]

from neruba.money import Money, exponent
from neruba.period import rfc3339

Kind = Literal["text", "money", "number", "date", "instant"]
Cell = str | int | Decimal | Money | date | datetime | None
Row = Sequence[Cell]

FORMULA = ("=", "+", "-", "@", "\t", "\r")
# The last row that a worksheet has, and the digits of a number that it keeps.
MAX_ROWS = 1_048_576
MAX_DIGITS = 15
SHEET_NAME = 31
_NOT_IN_NAMES = str.maketrans(dict.fromkeys("[]:*?/\\'", " "))
_HEADER_ROWS = 2


@dataclass(frozen=True, slots=True)
class Column:
    """A column; a cell of kind `money` holds Money, whose currency gives the digits shown."""

    title: str
    kind: Kind = "text"
    width: int = 16


@dataclass(frozen=True, slots=True)
class Ending:
    """What stands below the rows: totals, cell by cell, and sentences."""

    totals: Sequence[Row] = ()
    remarks: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Sheet:
    """A table. `ending` is asked for after the last row, so that it may say what the rows added up
    to; `made_at` is noted in the file. `title` is a sentence above the table, in XLSX alone.
    """

    title: str
    columns: Sequence[Column]
    rows: Iterable[Row]
    made_at: datetime
    ending: Callable[[], Ending] = Ending


class _Line:
    """What csv writes to: the line itself."""

    def write(self, line: str) -> str:
        return line


def csv_line(cells: Iterable[object]) -> str:
    """A line of CSV (RFC 4180); instants as RFC 3339 in UTC, text without formulas."""
    writer: Any = csv.writer(_Line())
    line: str = writer.writerow([_written(cell) for cell in cells])
    return line


def harmless(text: str) -> str:
    """The text, led by an apostrophe where a spreadsheet would take it for a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text


def _written(cell: object) -> object:
    if isinstance(cell, str):
        return harmless(cell)
    if isinstance(cell, Money):
        return cell.amount
    if isinstance(cell, datetime):
        return rfc3339(cell)
    return cell


def csv_lines(sheet: Sheet) -> Iterator[str]:
    """A header, the rows, the totals; after an empty line the remarks."""
    yield csv_line(column.title for column in sheet.columns)
    for row in sheet.rows:
        yield csv_line(row)
    ending = sheet.ending()
    for row in ending.totals:
        yield csv_line(row)
    if ending.remarks:
        yield csv_line([])
    for remark in ending.remarks:
        yield csv_line([remark])


def write_xlsx(sheet: Sheet, file: IO[bytes]) -> None:
    """Write a workbook: the title, a header that stays in view, the rows, totals, remarks.

    Amounts are numbers with the digits of their currency; one with more digits than a spreadsheet
    keeps is text. Text is never a formula, a number or a link. What has no room on one worksheet
    goes on on the next.
    """
    options = {
        "constant_memory": True,
        "strings_to_formulas": False,
        "strings_to_numbers": False,
        "strings_to_urls": False,
        "remove_timezone": True,
    }
    with xlsxwriter.Workbook(file, options) as book:
        book.set_properties({"title": sheet.title, "created": sheet.made_at})
        pages = _Pages(book, sheet)
        for row in sheet.rows:
            pages.write(row)
        ending = sheet.ending()
        for row in ending.totals:
            pages.write(row, is_bold=True)
        if ending.remarks:
            pages.write([])
        for remark in ending.remarks:
            pages.write([remark])


class _Pages:
    """Worksheets that follow one another, each row written to the one that has room."""

    def __init__(self, book: Any, sheet: Sheet) -> None:
        self.book, self.sheet = book, sheet
        self.formats: dict[tuple[str, bool], Any] = {}
        self.page: Any = None
        self.at = MAX_ROWS
        self.number = 0
        self._turn()

    def _turn(self) -> None:
        self.number += 1
        name = self.sheet.title.translate(_NOT_IN_NAMES).strip()[: SHEET_NAME - 4].strip()
        self.page = self.book.add_worksheet(name if self.number == 1 else f"{name} {self.number}")
        for index, column in enumerate(self.sheet.columns):
            self.page.set_column(index, index, column.width)
        self.page.freeze_panes(_HEADER_ROWS, 0)
        self.page.write_string(0, 0, self.sheet.title, self._format("", is_bold=True))
        for index, column in enumerate(self.sheet.columns):
            self.page.write_string(1, index, column.title, self._format("", is_bold=True))
        self.at = _HEADER_ROWS

    def write(self, row: Row, *, is_bold: bool = False) -> None:
        if self.at >= MAX_ROWS:
            self._turn()
        for index, cell in enumerate(row):
            self._cell(index, cell, is_bold=is_bold)
        self.at += 1

    def _cell(self, index: int, cell: Cell, *, is_bold: bool) -> None:
        if cell is None or cell == "":
            return
        if isinstance(cell, str):
            self.page.write_string(self.at, index, cell, self._format("", is_bold=is_bold))
        elif isinstance(cell, date):  # a datetime is one
            shown = "yyyy-mm-dd hh:mm:ss" if isinstance(cell, datetime) else "yyyy-mm-dd"
            style = self._format(shown, is_bold=is_bold)
            self.page.write_datetime(self.at, index, cell, style)
        else:
            self._number(index, cell, is_bold=is_bold)

    def _number(self, index: int, cell: int | Decimal | Money, *, is_bold: bool) -> None:
        text = cell.amount if isinstance(cell, Money) else str(cell)
        value = Decimal(text)
        if len(value.as_tuple().digits) > MAX_DIGITS:
            self.page.write_string(self.at, index, text, self._format("", is_bold=is_bold))
            return
        shown = _digits(exponent(cell.currency)) if isinstance(cell, Money) else "General"
        self.page.write_number(self.at, index, value, self._format(shown, is_bold=is_bold))

    def _format(self, shown: str, *, is_bold: bool) -> Any:
        if (shown, is_bold) not in self.formats:
            properties: dict[str, object] = {"bold": is_bold}
            if shown:
                properties["num_format"] = shown
            self.formats[shown, is_bold] = self.book.add_format(properties)
        return self.formats[shown, is_bold]


def _digits(places: int) -> str:
    return "#,##0" + (f".{'0' * places}" if places else "")
