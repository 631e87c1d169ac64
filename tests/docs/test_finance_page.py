"""The examples of docs/finance.md are lines of a real export."""

import re
from pathlib import Path

import pytest

from ledger.selectors.export import export_lines
from tests.ledger.books import books

PAGE = Path(__file__).parents[2] / "docs" / "finance.md"
BLOCK = re.compile(r"```(beancount|hledger)\n(.*?)```", re.DOTALL)


@pytest.mark.django_db
@pytest.mark.once
def test_what_the_page_shows_is_what_is_exported() -> None:
    project = books()
    examples = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    assert len(examples) == 4
    for form, example in examples:
        text = _without_ids("".join(export_lines(project, form)))
        for line in _without_ids(example).splitlines():
            assert f"{line}\n" in text


def _without_ids(text: str) -> str:
    return re.sub(r"txn_[0-9a-f]{12}", "txn_…", text)
