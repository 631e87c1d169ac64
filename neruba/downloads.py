"""Files that are sent as they are made."""

from collections.abc import Iterable
from contextlib import ExitStack
from tempfile import TemporaryFile
from typing import Literal

from django.http import FileResponse, StreamingHttpResponse

from neruba.sheets import Sheet, csv_lines, write_xlsx

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV = "text/csv; charset=utf-8"
BYTES_A_READ = 64 * 1024
SheetForm = Literal["csv", "xlsx"]


def attachment(
    chunks: Iterable[bytes] | Iterable[str], *, media_type: str, name: str
) -> StreamingHttpResponse:
    """A file of this name, of which each chunk is sent before the next one is made."""
    return StreamingHttpResponse(
        chunks,
        content_type=media_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def sheet_file(sheet: Sheet, form: SheetForm, *, name: str) -> StreamingHttpResponse:
    """The table as a file; `name` comes without its ending.

    CSV is sent as the rows come. A workbook is whole only at its end, so it is made in a temporary
    file first: what fails on the way is an error, not half a workbook.
    """
    if form == "csv":
        return attachment(csv_lines(sheet), media_type=CSV, name=f"{name}.csv")
    with ExitStack() as stack:
        file = stack.enter_context(TemporaryFile())
        write_xlsx(sheet, file)
        stack.pop_all()  # from here on the response closes it
    file.seek(0)
    response = FileResponse(file, as_attachment=True, filename=f"{name}.xlsx", content_type=XLSX)
    response.block_size = BYTES_A_READ
    return response
