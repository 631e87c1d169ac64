"""What corrections took back of a line, so that no part of it is given back twice."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.rating.lowered import CreditedAmount, lowered_places
from tests.billing.composed import taxed, verified
from tests.billing.sandbox import Sandbox, started

EACH = {
    "code": "calls",
    "kind": "usage",
    "meter": "calls",
    "model": "per_unit",
    "unit_amount": "1.00",
}


def amounts(*net: int) -> list[tuple[tuple[int, str] | None, CreditedAmount]]:
    return [((place, ""), CreditedAmount(minor)) for place, minor in enumerate(net, 1)]


def taken(*net: int) -> dict[int | None, int]:
    found = lowered_places(amounts(*net))
    return {place and place[0]: one.net_minor for place, one in found.items()}


def test_what_lowers_takes_from_the_latest_that_raised_then_from_the_line() -> None:
    assert taken(200, -400) == {1: 200, None: 200}
    assert taken(200, 100, -150) == {2: 100, 1: 50}
    assert taken(-200, 200, -100) == {None: 200, 2: 100}
    assert taken(200, -100, -100, -100) == {1: 200, None: 100}
    assert taken(200, 100) == {}


def test_taxes_go_with_the_net_in_proportion() -> None:
    place = (1, "")
    found = lowered_places(
        [
            (place, CreditedAmount(200, {"vat": 40})),
            ((2, ""), CreditedAmount(-300, {"vat": -60})),
        ]
    )
    assert found == {
        place: CreditedAmount(200, {"vat": 40}),
        None: CreditedAmount(100, {"vat": 20}),
    }


@given(st.lists(st.integers(-500, 500), max_size=8))
def test_what_is_taken_is_all_that_lowers_and_never_more_than_was_raised(net: list[int]) -> None:
    found = taken(*net)
    assert sum(found.values()) == -sum(minor for minor in net if minor < 0)
    assert all(found[place] <= net[place - 1] for place in found if place is not None)


@pytest.mark.django_db
def test_a_correction_that_was_lowered_again_cannot_be_credited_once_more() -> None:
    sandbox = started(EACH)
    taxed(sandbox)
    sandbox.subscribe()
    sandbox.clock("2026-01-20T00:00:00Z")
    for name in ("a", "b", "c"):
        sandbox.event("2026-01-05T00:00:00Z", id=name)
    sandbox.clock("2026-02-01T02:00:00Z")
    for name in ("d", "e"):
        sandbox.event("2026-01-06T00:00:00Z", id=name)
    sandbox.clock("2026-03-01T02:00:00Z")
    for name in ("a", "b", "c", "d"):
        sandbox.post("/events/void", {"source": "test", "id": name, "reason": "a test"}, 200)
    sandbox.clock("2026-04-01T02:00:00Z")
    first, second, third = verified(sandbox)
    kinds = [
        [line["amount"] for line in one["lines"] if line["kind"] == "correction"]
        for one in (first, second, third)
    ]
    assert kinds == [[], ["2.00"], ["-4.00"]]
    raised = next(line for line in second["lines"] if line["kind"] == "correction")
    refused = credit(sandbox, second, raised["id"], "0.01", 400)
    assert "0.00 USD is left" in refused["errors"][0]["detail"]
    line = first["lines"][0]["id"]
    assert "1.00 USD is left" in credit(sandbox, first, line, "1.01", 400)["errors"][0]["detail"]
    note = credit(sandbox, first, line, None, 201)
    assert (note["subtotal"], note["tax_total"]) == ("1.00", "0.20")


def credit(sandbox: Sandbox, invoice: Any, line: str, amount: str | None, status: int) -> Any:
    body = {"invoice": invoice["id"], "reason": "a mistake"}
    lines = [{"line": line, "amount": amount}]
    return sandbox.post("/credit-notes", {**body, "lines": lines}, status)
