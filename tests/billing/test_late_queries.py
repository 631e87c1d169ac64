"""Late usage is read set-wise: more customers, the same number of queries."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.billing.sandbox import started

pytestmark = pytest.mark.django_db


def queries_of_a_run(customers: int, *, is_over: bool) -> int:
    sandbox = started()
    names = [f"c{number}" for number in range(customers)]
    for name in names:
        sandbox.customer(name)
        sandbox.subscribe(f"s-{name}", customer=name, anchor="calendar")
        if is_over:
            body = {"type": "cancel", "at": "period_end"}
            sandbox.post(f"/subscriptions/s-{name}/changes", body)
    sandbox.clock("2026-03-10T00:00:00Z")
    for name in names:
        sandbox.event("2026-01-05T00:00:00Z", subject=name)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        sandbox.clock("2026-04-01T02:00:00Z")
    late = [line for one in sandbox.invoices() for line in one["lines"] if line["corrects"]]
    assert [line["amount"] for line in late] == ["1.00"] * customers
    return len(queries)


@pytest.mark.parametrize("is_over", [True, False])
def test_a_run_with_late_usage_asks_as_often_for_many_customers(*, is_over: bool) -> None:
    assert queries_of_a_run(6, is_over=is_over) == queries_of_a_run(2, is_over=is_over)
