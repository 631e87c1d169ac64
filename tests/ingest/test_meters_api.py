"""Meters: made once, the same again, never another."""

from typing import Any

import pytest
from rest_framework.test import APIClient

from ingest.models import Meter
from neruba.models import AuditRecord, Project
from tests import factories

pytestmark = pytest.mark.django_db

METERS = "/api/v1/meters"
CALLS = {"code": "calls", "event_type": "call", "aggregation": "count"}
TOKENS = {
    "code": "tokens",
    "name": "Tokens",
    "event_type": "llm.request",
    "aggregation": "sum",
    "value_property": "tokens",
    "filters": [{"property": "model", "in": ["large", 7, True, None]}],
    "group_by": ["model", "region"],
    "carry_over": True,
    "rounding": {"mode": "half_up", "places": -2},
}


@pytest.fixture
def project() -> Project:
    return factories.project()


@pytest.fixture
def caller(project: Project) -> APIClient:
    return factories.client(project=project, scopes=["billing:read", "billing:write"])


def make(caller: APIClient, body: dict[str, Any]) -> Any:
    return caller.post(METERS, body, format="json")


def test_a_meter_is_made_and_read_back(caller: APIClient) -> None:
    made = make(caller, TOKENS)
    assert made.status_code == 201
    assert made.json() | TOKENS == made.json()
    assert caller.get(f"{METERS}/tokens").json() == made.json()
    assert caller.get(METERS).json() == {"data": [made.json()], "next_cursor": None}
    assert AuditRecord.objects.get(action="meter.created").object_id == "tokens"


def test_what_is_left_out_has_its_default(caller: APIClient) -> None:
    assert (
        make(caller, CALLS).json()
        | {
            "name": "calls",
            "value_property": "",
            "filters": [],
            "group_by": [],
            "carry_over": False,
            "rounding": None,
        }
        == make(caller, CALLS).json()
    )


@pytest.mark.parametrize("body", [CALLS, TOKENS])
def test_the_same_content_again_is_the_same_meter(caller: APIClient, body: dict[str, Any]) -> None:
    first, again = make(caller, body), make(caller, body)
    assert (again.status_code, again.json()) == (200, first.json())
    assert Meter.objects.count() == 1


@pytest.mark.parametrize(
    "change",
    [
        {"aggregation": "weighted_sum"},
        {"event_type": "x"},
        {"group_by": []},
        {"filters": []},
        {"carry_over": False},
        {"rounding": None},
        {"rounding": {"mode": "up", "places": -2}},
        {"rounding": {"mode": "half_up", "places": 2}},
    ],
)
def test_another_content_is_a_conflict(caller: APIClient, change: dict[str, Any]) -> None:
    first = make(caller, TOKENS).json()
    assert make(caller, {**TOKENS, **change}).status_code == 409
    assert caller.get(f"{METERS}/tokens").json() == first


@pytest.mark.parametrize(
    ("change", "code", "pointer"),
    [
        *(
            ({"aggregation": kind, "carry_over": True}, "invalid", "/carry_over")
            for kind in ("count", "max", "min", "latest")
        ),
        ({"aggregation": "unique_count", "value_property": ""}, "invalid", "/value_property"),
        (
            {"aggregation": "unique_count", "value_property": "operation"},
            "invalid",
            "/value_property",
        ),
        ({"aggregation": "weighted_sum", "value_property": None}, "invalid", "/value_property"),
        ({"carry_over": "yes"}, "invalid", "/carry_over"),
        ({"rounding": {"mode": "half_up"}}, "required", "/rounding/places"),
        ({"rounding": {"places": 2}}, "required", "/rounding/mode"),
        ({"rounding": {"mode": "even", "places": 2}}, "invalid_choice", "/rounding/mode"),
        ({"rounding": {"mode": "up", "places": 10}}, "max_value", "/rounding/places"),
        ({"rounding": {"mode": "up", "places": -19}}, "min_value", "/rounding/places"),
        ({"rounding": {"mode": "up", "places": 1.5}}, "invalid", "/rounding/places"),
        ({"rounding": {"mode": "up", "places": 1, "to": 5}}, "unknown", "/rounding/to"),
        ({"rounding": "up"}, "invalid", "/rounding"),
        ({"aggregation": "median"}, "invalid_choice", "/aggregation"),
        ({"value_property": ""}, "invalid", "/value_property"),
        ({"code": "a "}, "outer_space", "/code"),
        ({"code": 5}, "invalid", "/code"),
        ({"filters": [{"property": "a", "in": []}]}, "empty", "/filters/0/in"),
        ({"filters": [{"property": "a", "in": [1.5]}]}, "invalid", "/filters/0/in/0"),
        ({"filters": [{"property": "a", "in": [[]]}]}, "invalid", "/filters/0/in/0"),
        ({"filters": [{"property": "a"}]}, "required", "/filters/0/in"),
        ({"filters": {"property": "a"}}, "not_a_list", "/filters"),
        ({"group_by": ["a", "a"]}, "duplicate", "/group_by"),
        ({"group_by": "a"}, "not_a_list", "/group_by"),
        ({"unit": "x"}, "unknown", "/unit"),
    ],
)
def test_what_is_no_meter_is_refused(
    caller: APIClient, change: dict[str, Any], code: str, pointer: str
) -> None:
    answer = make(caller, {**TOKENS, **change})
    assert answer.status_code == 400
    assert [(one["pointer"], one["code"]) for one in answer.json()["errors"]] == [(pointer, code)]
    assert not Meter.objects.exists()


def test_codes_are_compared_byte_for_byte(caller: APIClient) -> None:
    for code in ("a", "A", "á"):
        assert make(caller, {**CALLS, "code": code}).status_code == 201


def test_another_projects_meter_does_not_exist(caller: APIClient) -> None:
    make(caller, CALLS)
    stranger = factories.client(project=factories.project())
    assert stranger.get(f"{METERS}/calls").status_code == 404
    assert make(stranger, CALLS).status_code == 201


def test_each_method_needs_its_scope(project: Project) -> None:
    reader = factories.client(project=project, scopes=["billing:read"])
    assert make(reader, CALLS).status_code == 403
    assert factories.client(project=project, scopes=["usage:read"]).get(METERS).status_code == 403
