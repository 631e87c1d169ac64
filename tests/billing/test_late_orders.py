"""However an event, its rebuild and a run's finalisation follow on each other, the event is billed."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from itertools import product

import pytest

from billing.models import BillingRun
from billing.services.runs import _bill_chunk, _rebuild_usage
from ingest.services.fence import take_bound
from ingest.services.windows import rebuild_windows
from neruba.edge import run_atomic
from neruba.models import Customer
from neruba.period import parse_instant
from tests.billing.sandbox import Sandbox, started

pytestmark = pytest.mark.django_db(transaction=True)

STEPS = ("bound", "rebuild", "chunk")
AT = parse_instant("2026-02-01T01:00:00Z")


def orders() -> Iterator[tuple[str, str, str]]:
    """What comes (an event, or the void of one), after which step of a run, and after which one
    another worker rebuilds: not before it.
    """
    for what, comes, read in product(("event", "void"), STEPS, (*STEPS, "never")):
        if read == "never" or STEPS.index(comes) <= STEPS.index(read):
            yield what, comes, read


@pytest.mark.parametrize(("what", "comes", "read"), list(orders()))
def test_no_order_of_steps_loses_an_event(what: str, comes: str, read: str) -> None:
    sandbox = started()
    sandbox.subscribe(anchor="calendar")
    sandbox.clock("2026-01-31T00:00:00Z")
    for number in range(3):
        sandbox.event("2026-01-20T00:00:00Z", id=f"e{number}")
    sandbox.clock("2026-02-01T00:30:00Z")

    def happens_after(step: str) -> None:
        if step == comes and what == "event":
            sandbox.event("2026-01-21T00:00:00Z")
        elif step == comes:
            sandbox.post("/events/void", {"source": "test", "id": "e0", "reason": "wrong"}, 200)
        if step == read:
            run_atomic(partial(rebuild_windows, sandbox.project))

    bill(sandbox, happens_after)
    sandbox.clock("2026-03-01T01:00:00Z")
    lines = [line for invoice in sandbox.invoices() for line in invoice["lines"]]
    of_calls = [line["amount"] for line in lines if line["price"] == "calls"]
    assert of_calls == ["2.50", "0.00", "0.50" if what == "event" else "-0.50"]


def bill(sandbox: Sandbox, happens_after: Callable[[str], None]) -> None:
    """The steps of a run, one by one."""
    sandbox.project.clock_at = AT
    sandbox.project.save()
    customers = list(Customer.objects.values_list("pk", flat=True))
    run = BillingRun.objects.create(
        project=sandbox.project,
        public_id="run_1",
        as_of=AT,
        trigger=BillingRun.Trigger.API,
        actor="test",
        created_at=AT - timedelta(seconds=1),
    )
    bound = take_bound(sandbox.project)
    happens_after("bound")
    run_atomic(partial(_rebuild_usage, sandbox.project, customers))
    happens_after("rebuild")
    run_atomic(partial(_bill_chunk, run, customers, bound=bound, at=AT, keep=True))
    happens_after("chunk")
