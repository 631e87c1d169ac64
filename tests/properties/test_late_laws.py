"""Laws of late usage: once all is billed, each period's lines add up to all of its events, in
whatever order they came.
"""

import os
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from billing.models import LateUsage
from billing.rating.plan import parse_plan_price
from neruba.money import Money, to_minor
from neruba.period import rfc3339
from tests.billing.sandbox import CALLS, Sandbox

# Two sandboxes of eight months each: a fraction of the examples of a plain law.
pytestmark = pytest.mark.once

EXAMPLES = max(5, int(os.environ.get("NERUBA_EXAMPLES", "50")) // 6)
MONTHS = [datetime(2026, month, 1, tzinfo=UTC) for month in range(1, 7)]
USED = 3  # months with usage; those after have room for all that comes late
SECONDS = int((MONTHS[USED] - MONTHS[0]).total_seconds()) - 1
_numbers = count(1)

# Its instant, in which month it comes, and in which later one it is voided; 9: never.
used = st.lists(
    st.tuples(
        st.integers(0, SECONDS),
        st.integers(0, len(MONTHS) - 1),
        st.sampled_from([1, 2, 3, 4, 5, 9, 9]),
    ),
    min_size=1,
    max_size=10,
)
FEE = {"code": "base", "kind": "recurring", "model": "flat", "amount": "40.00"}
MOST = {
    "code": "most",
    "kind": "usage",
    "meter": "most",
    "model": "per_unit",
    "unit_amount": "0.125",
}


class LateLaws(TestCase):
    @settings(max_examples=EXAMPLES)
    @given(used=used, random=st.randoms(use_true_random=False))
    def test_the_lines_of_a_period_add_up_to_all_of_its_events(
        self, used: list[tuple[int, int, int]], random: Any
    ) -> None:
        shuffled = [(at, random.randrange(len(MONTHS)), voided) for at, _, voided in used]
        expected = rated(used)
        assert billed(used) == expected
        assert billed(shuffled) == expected


def value(number: int) -> int:
    return number * 7 % 11


def rated(used: Sequence[tuple[int, int, int]]) -> dict[tuple[str, str], int]:
    """What each price asks for each month, of the events that stand in the end; in minor units."""
    answer = {}
    for month in range(USED):
        values = [
            value(number)
            for number, (second, _, voided) in enumerate(used)
            if voided == 9 and month_of(second) == month
        ]
        for price, used_up in ((CALLS, len(values)), (MOST, max(values, default=0))):
            rate = parse_plan_price(price).price.rate
            exact = rate(Decimal(used_up)).amount_exact
            key = (str(price["code"]), rfc3339(MONTHS[month]))
            answer[key] = to_minor(exact, "USD", "half_up")
    return answer


def month_of(second: int) -> int:
    at = MONTHS[0] + timedelta(seconds=second)
    return at.month - 1


def billed(used: Sequence[tuple[int, int, int]]) -> dict[tuple[str, str], int]:
    """What all lines of each price and month came to, in minor units."""
    sandbox = Sandbox(slug=f"late-{next(_numbers)}")
    sandbox.meter()
    sandbox.meter("most", event_type="calls", aggregation="max", value_property="n")
    sandbox.plan(FEE, CALLS, MOST)
    sandbox.customer()
    sandbox.subscribe(anchor="calendar")
    for month, end in enumerate(MONTHS[1:]):
        # Every other time while the document of the month is still a draft.
        sandbox.clock(rfc3339(end + timedelta(minutes=30 + month % 2 * 60)))
        for number, (second, comes, voided) in enumerate(used):
            arrives = min(max(comes, month_of(second)), len(MONTHS) - 2)
            if arrives == month:
                at = rfc3339(MONTHS[0] + timedelta(seconds=second))
                sandbox.event(at, id=str(number), data={"n": value(number)})
            if voided < 9 and month == min(max(arrives, voided), len(MONTHS) - 2):
                body = {"source": "test", "id": str(number), "reason": "wrong"}
                sandbox.post("/events/void", body, 200)
    sandbox.clock("2026-09-02T00:00:00Z")
    assert not LateUsage.objects.filter(project=sandbox.project).exists()
    answer: dict[tuple[str, str], int] = defaultdict(int)
    for invoice in sandbox.invoices():
        verdict = sandbox.post(f"/invoices/{invoice['id']}/verify", None, 200)
        assert verdict["matches"], verdict
        for line in invoice["lines"]:
            start = line["period"]["start"]
            if line["price"] != "base" and start < rfc3339(MONTHS[USED]):
                answer[line["price"], start] += Money.parse(line["amount"], "USD").minor
    return dict(answer)
