"""Tables of the documentation, as rows by the heads of their columns."""

from datetime import UTC, datetime
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def rows_of(text: str, *columns: str) -> list[dict[str, str]]:
    """The rows of the table with these heads; there is one."""
    head = f"| {' | '.join(columns)} |\n"
    assert text.count(head) == 1
    start = text.index(head)
    _, _, *rows = text[start : text.index("\n\n", start)].splitlines()
    # A cell may be empty; only the bars at the ends go.
    cells = [[cell.strip() for cell in row.strip()[1:-1].split("|")] for row in rows]
    return [dict(zip(columns, one, strict=True)) for one in cells]


def instant_of(text: str, year: int = 2026) -> datetime:
    """An instant such as 16 January 10:00 or 1 January 2027, in UTC."""
    words = text.split()
    clock = words.pop() if ":" in words[-1] else "00:00"
    if len(words) == 2:
        words.append(str(year))
    return datetime.strptime(" ".join([*words, clock]), "%d %B %Y %H:%M").replace(tzinfo=UTC)
