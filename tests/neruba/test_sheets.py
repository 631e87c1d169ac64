"""Tables as CSV and XLSX: numbers stay numbers, text stays text."""

import csv
import io
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from openpyxl import load_workbook

from neruba import sheets
from neruba.downloads import sheet_file
from neruba.money import Money
from neruba.sheets import Column, Ending, Row, Sheet, csv_line, csv_lines, write_xlsx

MADE = datetime(2026, 3, 1, 12, tzinfo=UTC)
COLUMNS = (
    Column("Name"),
    Column("Amount", "money"),
    Column("On", "date"),
    Column("At", "instant"),
    Column("Number", "number"),
)
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"]


def sheet(rows: list[Row], **more: Any) -> Sheet:
    return Sheet(title="A: report/of [all]", columns=COLUMNS, rows=rows, made_at=MADE, **more)


def book_of(made: Sheet) -> Any:
    file = io.BytesIO()
    write_xlsx(made, file)
    file.seek(0)
    return load_workbook(file)


def cells(made: Sheet) -> list[tuple[Any, ...]]:
    return list(book_of(made).worksheets[0].iter_rows(values_only=True))


def test_a_workbook_holds_numbers_as_numbers_with_the_digits_of_their_currency() -> None:
    rows: list[Row] = [
        ("acme", Money(-123456, "USD"), date(2026, 3, 1), MADE, 7),
        ("beta", Money(1230, "JPY"), None, None, Decimal("1.5")),
        ("gamma", Money(1, "KWD"), None, None, None),
    ]
    page = book_of(sheet(rows)).worksheets[0]
    assert [cell.value for cell in page[2]] == [column.title for column in COLUMNS]
    assert [cell.value for cell in page[3]] == [
        *("acme", -1234.56, datetime(2026, 3, 1)),  # noqa: DTZ001 - as openpyxl reads a date
        *(MADE.replace(tzinfo=None), 7),
    ]
    formats = [page.cell(row, 2).number_format for row in (3, 4, 5)]
    assert formats == ["#,##0.00", "#,##0", "#,##0.000"]
    assert [page.cell(row, 2).value for row in (4, 5)] == [1230, 0.001]
    assert page.cell(4, 5).value == 1.5
    assert page.freeze_panes == "A3"
    assert page.title == "A  report of  all"


@pytest.mark.parametrize("text", [*FORMULAS, "{=1}", "http://x.example", "007", "1e5"])
def test_text_in_a_workbook_stays_text(text: str) -> None:
    page = book_of(sheet([(text,)])).worksheets[0]
    cell = page.cell(3, 1)
    assert (cell.data_type, cell.hyperlink) == ("s", None)
    assert cell.value.replace("_x000D_", "\r") == text


def test_an_amount_with_more_digits_than_a_spreadsheet_keeps_is_text() -> None:
    rows: list[Row] = [("", Money(999_999_999_999_999, "USD")), ("", Money(10**17 + 1, "USD"))]
    found = [row[1] for row in cells(sheet(rows))[2:]]
    assert found == [9999999999999.99, "1000000000000000.01"]


def test_totals_and_remarks_say_what_the_rows_added_up_to() -> None:
    seen = []

    def rows() -> Iterator[Row]:
        for minor in (1, 2):
            seen.append(minor)
            yield ("x", Money(minor, "USD"))

    def ending() -> Ending:
        return Ending([("Total", Money(sum(seen), "USD"))], ["It ties out."])

    made = Sheet(title="t", columns=COLUMNS, rows=rows(), made_at=MADE, ending=ending)
    assert [row[:2] for row in cells(made)[2:]] == [
        *[("x", 0.01), ("x", 0.02), ("Total", 0.03)],
        *[(None, None), ("It ties out.", None)],
    ]
    seen.clear()
    made = Sheet(title="t", columns=COLUMNS, rows=rows(), made_at=MADE, ending=ending)
    assert "".join(csv_lines(made)).splitlines() == [
        *["Name,Amount,On,At,Number", "x,0.01", "x,0.02", "Total,0.03", "", "It ties out."]
    ]


def test_rows_that_have_no_room_go_on_on_the_next_worksheet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sheets, "MAX_ROWS", 4)
    book = book_of(sheet([(str(number),) for number in range(5)]))
    found = [
        [row[0] for row in page.iter_rows(min_row=3, values_only=True)] for page in book.worksheets
    ]
    assert found == [["0", "1"], ["2", "3"], ["4"]]
    assert all(page.cell(2, 1).value == "Name" for page in book.worksheets)


@pytest.mark.parametrize("text", FORMULAS)
def test_text_in_csv_is_no_formula_and_a_number_stays_one(text: str) -> None:
    line = csv_line([text, Money(-5, "USD"), -5, Decimal("-0.5"), MADE, date(2026, 3, 1), None])
    (row,) = csv.reader(io.StringIO(line, newline=""))
    assert row == [
        *(f"'{text}", "-0.05", "-5", "-0.5", "2026-03-01T12:00:00.000000Z", "2026-03-01", "")
    ]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=2, max_size=4))
@example(["=", "-"])
def test_text_comes_back_out_of_csv(texts: list[str]) -> None:
    (row,) = csv.reader(io.StringIO(csv_line(texts), newline=""))
    assert [cell.removeprefix("'") for cell in row] == [text.removeprefix("'") for text in texts]
    assert not any(cell.startswith(sheets.FORMULA) for cell in row)


def test_csv_is_sent_as_the_rows_come() -> None:
    asked = []

    def rows() -> Iterator[Row]:
        for number in range(3):
            asked.append(number)
            yield (str(number),)

    made = Sheet(title="t", columns=COLUMNS, rows=rows(), made_at=MADE)
    answer = sheet_file(made, "csv", name="file")
    assert answer["Content-Disposition"] == 'attachment; filename="file.csv"'
    chunks = iter(answer)
    assert (next(chunks), next(chunks), asked) == (b"Name,Amount,On,At,Number\r\n", b"0\r\n", [0])


@pytest.mark.django_db
@pytest.mark.once
def test_a_workbook_is_sent_from_a_file_that_is_closed_after() -> None:
    answer = sheet_file(sheet([("acme",)]), "xlsx", name="file")
    assert answer["Content-Disposition"] == 'attachment; filename="file.xlsx"'
    assert answer.streaming
    file = answer.file_to_stream  # type: ignore[attr-defined]
    body = b"".join(answer)
    answer.close()
    assert file.closed
    assert load_workbook(io.BytesIO(body)).worksheets[0].cell(3, 1).value == "acme"


def test_a_workbook_that_fails_is_an_error_and_no_answer() -> None:
    def rows() -> Iterator[Row]:
        yield ("acme",)
        raise ValueError("broken")

    made = Sheet(title="t", columns=COLUMNS, rows=rows(), made_at=MADE)
    with pytest.raises(ValueError, match="broken"):
        sheet_file(made, "xlsx", name="file")
