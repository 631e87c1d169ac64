"""docs/operations.md names every metric that is served, and none that is not; what an alert is
about has a runbook.
"""

import re

import pytest

import neruba.ops.counters  # noqa: F401 - defining them is what makes them served
from neruba import clock
from neruba.ops.health import PARTS
from neruba.ops.metrics import exposition
from tests.e2e.server import BASE_DIR

ROW = re.compile(r"^\| `(neruba_\w+)` \|(.*)\|$", re.MULTILINE)
PART = re.compile(r"^\| `(\w+)` \|", re.MULTILINE)
FAMILY = re.compile(rb"^# TYPE (neruba_\w+) ", re.MULTILINE)
# prometheus_client tells of each counter when it began, as a family of its own.
CREATED = "_created"

pytestmark = pytest.mark.django_db


def page(name: str) -> str:
    return (BASE_DIR / "docs" / name).read_text(encoding="utf-8")


def alerts() -> dict[str, str]:
    """The metrics of the page, with the words of "alert when"."""
    return {
        name: rest.rpartition("|")[2].strip() for name, rest in ROW.findall(page("operations.md"))
    }


def test_the_page_and_the_address_name_the_same_metrics() -> None:
    served = {name.decode() for name in FAMILY.findall(exposition(at=clock.wall()))}
    assert set(alerts()) == {name for name in served if not name.endswith(CREATED)}


@pytest.mark.once
def test_what_an_alert_is_about_has_a_runbook() -> None:
    runbooks = page("runbooks.md")
    assert [name for name, when in alerts().items() if when and name not in runbooks] == []


@pytest.mark.once
def test_each_part_of_readiness_has_a_row_and_a_runbook() -> None:
    for name, heading in (("operations.md", "## Health"), ("runbooks.md", "## `/health/ready`")):
        _, _, after = page(name).partition(heading)
        assert PART.findall(after.partition("\n## ")[0]) == list(PARTS), name
