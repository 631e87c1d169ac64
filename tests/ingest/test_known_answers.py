"""Aggregation as the test suites of other projects have it; see tests/cases/README.md."""

import json
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


@pytest.mark.parametrize("row", ROWS, ids=[row["id"] for row in ROWS])
def test_known_answer(row: dict[str, Any]) -> None:
    project = factories.project(clock_at=factories.START)
    factories.customer(project=project, external_id="acme")
    factories.accept(
        *(body(event, index) for index, event in enumerate(row["events"])), project=project
    )
    factories.meter(
        project=project,
        code="m",
        aggregation=row["aggregation"],
        value_property="" if row["aggregation"] == "count" else "value",
        group_by=row.get("group_by", []),
    )
    for _ in range(2):  # from raw events, then from windows
        check(project, row)
        rebuild_windows(project)


def body(event: dict[str, Any], index: int) -> dict[str, Any]:
    data = {**event.get("props", {}), **({"value": event["value"]} if "value" in event else {})}
    return factories.event_body(id=event.get("id", str(index)), time=event["ts"], data=data)


def check(project: Project, row: dict[str, Any]) -> None:
    caller = factories.client(project=project)
    for window in row.get("windows", [row["window"] | {"expected": row.get("expected")}]):
        if window["expected"] is not None:
            assert [one["quantity"] for one in usage(caller, window)] == [window["expected"]]
    if "expected_groups" in row:
        found = usage(caller, row["window"], group_by=",".join(row["group_by"]))
        assert [{"group": one["group"], "value": one["quantity"]} for one in found] == (
            row["expected_groups"]
        )


def usage(caller: APIClient, window: dict[str, Any], **more: str) -> list[dict[str, Any]]:
    query = {"customer": "acme", "meter": "m", "from": window["from"], "to": window["to"], **more}
    answer = caller.get("/api/v1/usage", query)
    assert answer.status_code == 200, answer.content
    rows: list[dict[str, Any]] = answer.json()["data"]
    return rows
