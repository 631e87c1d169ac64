"""Aggregation as the test suites of other projects have it; see tests/cases/README.md."""

import json
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import pytest
from rest_framework.test import APIClient

from ingest.services.windows import rebuild_windows
from neruba.models import Project
from tests import factories

pytestmark = pytest.mark.django_db

CASES = Path(__file__).resolve().parents[1] / "cases" / "aggregation.jsonl"
ROWS = [json.loads(line) for line in CASES.read_text().splitlines()]
BEFORE = "2020-01-01T00:00:00Z"
MODES = {"round": "half_up", "ceil": "up", "floor": "down"}
YEARS = {"from": "2020-01-01T00:00:00Z", "to": "2030-01-01T00:00:00Z"}


@pytest.mark.parametrize("row", ROWS, ids=[row["id"] for row in ROWS])
def test_known_answer(row: dict[str, Any]) -> None:
    project = factories.project(clock_at=factories.START)
    factories.customer(project=project, external_id="acme")
    factories.accept(
        *(body(event, index) for index, event in enumerate(events_of(row))), project=project
    )
    # After the events: one whose value is no number would be refused at the door.
    answer = factories.client(project=project).post("/api/v1/meters", meter(row), format="json")
    assert answer.status_code == 201, answer.content
    for _ in range(2):  # from raw events, then from windows
        check(project, row)
        rebuild_windows(project)


def meter(row: dict[str, Any]) -> dict[str, Any]:
    """The meter that a row means; one that only rounds is a sum of its one value."""
    kind = row["aggregation"].replace("round_only", "sum")
    value = {"count": "", "unique_count": "item"}.get(kind, "value")
    rounding = row.get("rounding")
    return {
        "code": "m",
        "event_type": "call",
        "aggregation": kind,
        "value_property": value,
        "filters": [
            {"property": name, "in": values} for name, values in row.get("filters", {}).items()
        ],
        "group_by": row.get("group_by", []),
        "carry_over": row.get("recurring", False),
        "rounding": rounding
        and {"mode": MODES[rounding["function"]], "places": rounding["places"]},
    }


def events_of(row: dict[str, Any]) -> list[dict[str, Any]]:
    """Its events; a level that is given was set by an event long before."""
    if row["aggregation"] == "round_only":
        return [{"ts": "2026-01-01T00:00:00Z", "value": row["value"]}]
    opening = row.get("initial_value")
    return [*([{"ts": BEFORE, "value": opening}] if opening else []), *row["events"]]


def body(event: dict[str, Any], index: int) -> dict[str, Any]:
    data = {**event.get("props", {})}
    for given, name in (("value", "value"), ("id", "item"), ("op", "operation")):
        if given in event:
            data[name] = event[given]
    return factories.event_body(id=f"{index:03}", time=event["ts"], data=data)


def check(project: Project, row: dict[str, Any]) -> None:
    caller = factories.client(project=project)
    whole = {**row.get("window", YEARS), "expected": row.get("expected")}
    # As far as a quantity has decimals at all.
    places = min(row.get("compare_places", 9), 9)
    for window in row.get("windows", [whole]):
        if window["expected"] is not None:
            found = [rounded(one["quantity"], places) for one in usage(caller, window)]
            assert found == [rounded(window["expected"], places)]
    if "expected_groups" in row:
        groups = usage(caller, row["window"], group_by=",".join(row["group_by"]))
        assert [
            {"group": one["group"], "value": rounded(one["quantity"], places)} for one in groups
        ] == [
            {"group": one["group"], "value": rounded(one["value"], places)}
            for one in row["expected_groups"]
        ]


def rounded(text: str, places: int) -> Decimal:
    return Decimal(text).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)


def usage(caller: APIClient, window: dict[str, Any], **more: str) -> list[dict[str, Any]]:
    query = {"customer": "acme", "meter": "m", "from": window["from"], "to": window["to"], **more}
    answer = caller.get("/api/v1/usage", query)
    assert answer.status_code == 200, answer.content
    rows: list[dict[str, Any]] = answer.json()["data"]
    return rows
