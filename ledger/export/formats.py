"""The formats of an export, by name. Pure."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from ledger.export import beancount, csv, hledger
from ledger.export.book import Book


class Format(NamedTuple):
    """How a format is written, what it is sent as, and how its file's name ends."""

    lines: Callable[[Book], Iterator[str]]
    media_type: str
    suffix: str


FORMATS: dict[str, Format] = {
    "beancount": Format(beancount.beancount_lines, beancount.MEDIA_TYPE, beancount.SUFFIX),
    "hledger": Format(hledger.hledger_lines, hledger.MEDIA_TYPE, hledger.SUFFIX),
    "csv": Format(csv.csv_export_lines, csv.MEDIA_TYPE, csv.SUFFIX),
}
