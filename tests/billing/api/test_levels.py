"""Levels that carry over: billed period after period, and corrected in each that a late event
changes.
"""

from typing import Any

import pytest

from ingest.services.windows import rebuild_windows
from tests.billing.api.test_late_usage import billed_to, void
from tests.billing.sandbox import Sandbox

pytestmark = pytest.mark.django_db

SEATS = {
    "code": "seats",
    "kind": "usage",
    "meter": "seats",
    "model": "per_unit",
    "unit_amount": "1.00",
}


def seats_from_january(**meter: Any) -> Sandbox:
    """A level of seats, 5 from 10 January on; billed to 1 March, the clock on the 10th."""
    sandbox = Sandbox()
    definition = {"aggregation": "sum", "value_property": "n", "carry_over": True, **meter}
    sandbox.meter("seats", event_type="calls", **definition)
    sandbox.plan(SEATS)
    sandbox.customer()
    sandbox.subscribe(anchor="calendar")
    sandbox.clock("2026-01-31T00:00:00Z")
    for number in range(5):
        sandbox.event(
            "2026-01-10T00:00:00Z", id=f"e{number}", data={"n": 1, "who": f"person-{number}"}
        )
    sandbox.clock("2026-03-10T00:00:00Z")
    return sandbox


def lines(invoice: Any) -> list[tuple[str, str, str, str]]:
    return [
        (line["kind"], line["period"]["start"][:7], line["quantity"], line["amount"])
        for line in invoice["lines"]
    ]


def test_a_level_is_billed_until_it_changes() -> None:
    sandbox = seats_from_january()
    january, february = sandbox.invoices()
    assert lines(january) == [("usage", "2026-01", "5", "5.00")]
    assert lines(february) == [("usage", "2026-02", "5", "5.00")]
    assert february["lines"][0]["evidence"]["usage"]["events"] == 5
    sandbox.event("2026-03-05T00:00:00Z", data={"n": -3})
    (march,) = billed_to(sandbox, "2026-04-01T02:00:00Z")
    assert lines(march) == [("usage", "2026-03", "2", "2.00")]


@pytest.mark.parametrize("is_built", [True, False])
@pytest.mark.parametrize(
    ("meter", "data"),
    [
        ({"aggregation": "sum"}, {"n": 1}),
        ({"aggregation": "unique_count", "value_property": "who"}, {"who": "late"}),
    ],
)
def test_a_late_event_on_a_level_corrects_every_month_billed_since(
    meter: dict[str, Any], data: dict[str, Any], *, is_built: bool
) -> None:
    sandbox = seats_from_january(**meter)
    sandbox.event("2026-01-20T00:00:00Z", id="late", data=data)
    if is_built:
        rebuild_windows(sandbox.project)
    (march,) = billed_to(sandbox, "2026-04-01T02:00:00Z")
    assert lines(march) == [
        ("usage", "2026-03", "6", "6.00"),
        ("correction", "2026-01", "1", "1.00"),
        ("correction", "2026-02", "1", "1.00"),
    ]
    evidence = march["lines"][2]["evidence"]
    assert evidence["usage"]["events"] == 6
    assert evidence["correction"] == {
        "quantity_billed": "5",
        "events_billed": 5,
        "amount_known": "6.00",
        "amount_billed": "5.00",
    }
    void(sandbox, "late")
    (april,) = billed_to(sandbox, "2026-05-01T02:00:00Z")
    assert lines(april)[1:] == [
        ("correction", "2026-01", "-1", "-1.00"),
        ("correction", "2026-02", "-1", "-1.00"),
        ("correction", "2026-03", "-1", "-1.00"),
    ]


def test_a_late_change_of_a_mean_level_weighs_in_its_own_month_and_whole_in_the_next() -> None:
    sandbox = seats_from_january(aggregation="weighted_sum")
    january, february = sandbox.invoices()
    # 5 seats in 22 of 31 days.
    assert lines(january) == [("usage", "2026-01", "3.548387097", "3.55")]
    assert lines(february) == [("usage", "2026-02", "5", "5.00")]
    sandbox.event("2026-01-01T00:00:00Z", data={"n": 31})
    (march,) = billed_to(sandbox, "2026-04-01T02:00:00Z")
    assert lines(march) == [
        ("usage", "2026-03", "36", "36.00"),
        ("correction", "2026-01", "31", "31.00"),
        ("correction", "2026-02", "31", "31.00"),
    ]


def test_a_late_event_of_a_meter_that_carries_nothing_corrects_its_own_month_alone() -> None:
    sandbox = seats_from_january(carry_over=False)
    sandbox.event("2026-01-20T00:00:00Z", data={"n": 1})
    (march,) = billed_to(sandbox, "2026-04-01T02:00:00Z")
    assert lines(march) == [
        ("usage", "2026-03", "0", "0.00"),
        ("correction", "2026-01", "1", "1.00"),
    ]


def test_what_was_there_before_the_subscription_is_in_its_level() -> None:
    sandbox = Sandbox()
    sandbox.meter("seats", event_type="calls", aggregation="sum", value_property="n",
                  carry_over=True)  # fmt: skip
    sandbox.plan(SEATS)
    sandbox.customer()
    sandbox.event("2025-12-01T00:00:00Z", data={"n": 7})
    sandbox.event("2025-12-02T00:00:00Z", data={"n": 100}, subscription="another")
    sandbox.event("2025-12-03T00:00:00Z", data={"n": 1}, subscription="sub")
    sandbox.subscribe(anchor="calendar")
    sandbox.clock("2026-02-01T02:00:00Z")
    assert lines(sandbox.invoices()[0]) == [("usage", "2026-01", "8", "8.00")]


def test_an_event_names_every_line_that_its_level_counted_in() -> None:
    sandbox = seats_from_january()
    first = sandbox.get("/events/one?source=test&id=e0")
    numbers = [line["number"] for line in first["invoice_lines"]]
    assert numbers == [invoice["number"] for invoice in sandbox.invoices()]
    sandbox.event("2026-01-20T00:00:00Z", id="late", data={"n": 1})
    (march,) = billed_to(sandbox, "2026-04-01T02:00:00Z")
    late = sandbox.get("/events/one?source=test&id=late")
    assert [line["number"] for line in late["invoice_lines"]] == [march["number"]]
    assert [line["line"] for line in late["corrections"]] == [
        line["id"] for line in march["lines"] if line["kind"] == "correction"
    ]
    # One of March is in no line before.
    sandbox.event("2026-03-20T00:00:00Z", id="march", data={"n": 1})
    own = sandbox.get("/events/one?source=test&id=march")
    assert (own["invoice_lines"], own["corrections"]) == ([], [])
