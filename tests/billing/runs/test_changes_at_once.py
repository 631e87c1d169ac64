"""Changes that are billed at once, around a boundary whose document is not issued yet: nothing is
billed twice, and the preview is what comes.
"""

from decimal import Decimal
from typing import Any

import pytest

from tests.billing.composed import verified
from tests.billing.sandbox import BASE, CALLS, SEATS, Sandbox, started

pytestmark = pytest.mark.django_db

CHANGES = "/subscriptions/sub/changes"
FIVE = {"type": "set_quantity", "price": "seats", "quantity": "5", "invoice": "now"}


def seated(start_at: str = "2026-01-01T00:00:00Z", now: str = "2026-01-01T00:00:00Z") -> Sandbox:
    """A fee ahead, three seats and calls, in calendar months; `now` without what is due by then."""
    sandbox = started(BASE, SEATS, CALLS)
    sandbox.plan({**BASE, "amount": "70.00"}, SEATS, CALLS, code="plus")
    sandbox.now_at(now)
    sandbox.subscribe(anchor="calendar", start_at=start_at, quantities={"seats": "3"})
    return sandbox


def billed(sandbox: Sandbox, month: str) -> dict[str, Decimal]:
    """What all documents together billed of fees for parts of a month, by price."""
    found: dict[str, Decimal] = {}
    for document in verified(sandbox):
        for line in document["lines"]:
            if line["period"]["start"].startswith(month) and line["kind"] != "usage":
                found[line["price"]] = found.get(line["price"], Decimal(0)) + Decimal(
                    line["amount"]
                )
    return found


@pytest.mark.parametrize("asked_at", ["2026-02-01T00:30:00Z", "2026-02-01T01:30:00Z"])
def test_a_change_in_the_grace_after_a_boundary_bills_what_it_does_after_it(asked_at: str) -> None:
    sandbox = seated()
    sandbox.clock(asked_at)
    (previewed,) = sandbox.post(f"{CHANGES}/preview", FIVE, 200)["data"]
    sandbox.post(CHANGES, FIVE)
    sandbox.clock("2026-02-01T02:00:00Z")
    last = sandbox.invoices()[-1]
    assert [line["amount"] for line in last["lines"]] == ["-30.00", "50.00"]
    assert previewed["content_hash"] == last["content_hash"]
    sandbox.clock("2026-03-01T02:00:00Z")
    assert billed(sandbox, "2026-02") == {"base": 30, "seats": 50}


def test_a_change_before_anything_was_billed_waits_for_what_is_caught_up_with() -> None:
    sandbox = seated("2026-01-05T00:00:00Z", now="2026-02-10T00:00:00Z")
    (previewed,) = sandbox.post(f"{CHANGES}/preview", FIVE, 200)["data"]
    assert sandbox.post(CHANGES, FIVE)["invoice"] is None
    sandbox.clock("2026-02-11T02:00:00Z")
    assert previewed["content_hash"] in {one["content_hash"] for one in sandbox.invoices()}
    sandbox.clock("2026-03-01T02:00:00Z")
    assert billed(sandbox, "2026-02") == {
        "base": 30,
        "seats": 30 - Decimal("20.36") + Decimal("33.93"),
    }


@pytest.mark.parametrize("effective_at", ["2026-02-01T00:00:00Z", "2026-02-01T00:20:00Z"])
def test_a_change_planned_for_a_boundary_is_billed_once(effective_at: str) -> None:
    sandbox = seated()
    sandbox.clock("2026-01-10T00:00:00Z")
    body = {**FIVE, "effective_at": effective_at}
    (previewed,) = sandbox.post(f"{CHANGES}/preview", body, 200)["data"]
    sandbox.post(CHANGES, body)
    sandbox.clock("2026-02-01T02:00:00Z")
    assert previewed["content_hash"] in {one["content_hash"] for one in sandbox.invoices()}
    sandbox.clock("2026-03-01T02:00:00Z")
    assert billed(sandbox, "2026-02") == {"base": 30, "seats": 50}


@pytest.mark.parametrize(
    "change",
    [
        {"type": "change_plan", "plan": "plus", "proration": "full_period"},
        {"type": "cancel", "at": "now"},
        {"type": "change_plan", "plan": "plus"},
    ],
)
def test_what_moves_or_ends_a_period_is_previewed_and_rebuilt(change: dict[str, Any]) -> None:
    sandbox = seated()
    sandbox.clock("2026-01-10T00:00:00Z")
    body = {**change, "invoice": "now"}
    (previewed,) = sandbox.post(f"{CHANGES}/preview", body, 200)["data"]
    sandbox.post(CHANGES, body)
    sandbox.clock("2026-01-10T02:00:00Z")
    found = [one["content_hash"] for one in verified(sandbox)]
    assert previewed["content_hash"] in found
    assert len(found) == len(set(found))
