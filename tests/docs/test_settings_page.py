"""docs/settings.md has every variable that is read, and none that is not."""

import re

import neruba.settings  # noqa: F401 - reading them is what makes them known
from neruba.settings.environment import READ_ELSEWHERE, VARIABLES
from tests.e2e.server import BASE_DIR

ROW = re.compile(r"^\| (`[^|]+`) \|", re.MULTILINE)


def test_the_page_and_the_code_name_the_same_variables() -> None:
    page = (BASE_DIR / "docs" / "settings.md").read_text()
    table = page[page.index("## Environment") : page.index("## A project")]
    named = [name for row in ROW.findall(table) for name in re.findall(r"`([A-Z_]+)`", row)]
    assert sorted(named) == sorted({*VARIABLES, *READ_ELSEWHERE})
