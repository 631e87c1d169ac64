"""However an event, its rebuild and a finalisation follow on each other, the event is billed."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import partial
from itertools import product

import pytest

from billing.models import BillingRun
from billing.services.steps import bill_step, rebuild_usage
from ingest.selectors.bounds import ArrivalBound
from ingest.services.fence import take_bound
from ingest.services.windows import rebuild_windows
from neruba.edge import run_atomic
from neruba.models import Customer, Project
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


@pytest.mark.parametrize("is_drafted", [True, False])
@pytest.mark.parametrize(("what", "comes", "read"), list(orders()))
def test_no_order_of_steps_loses_an_event(
    what: str, comes: str, read: str, *, is_drafted: bool
) -> None:
    sandbox = started()
    sandbox.subscribe(anchor="calendar")
    sandbox.clock("2026-01-31T00:00:00Z")
    for number in range(3):
        sandbox.event("2026-01-20T00:00:00Z", id=f"e{number}")
    if is_drafted:
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
    customers = list(Customer.objects.values_list("pk", flat=True))
    bound = take_bound(sandbox.project)
    happens_after("bound")
    run_atomic(partial(rebuild_usage, sandbox.project, customers))
    happens_after("rebuild")
    bill_chunk(sandbox, customers, bound, AT)
    happens_after("chunk")


def bill_chunk(
    sandbox: Sandbox, customers: Sequence[int], bound: ArrivalBound, at: datetime
) -> None:
    Project.objects.filter(pk=sandbox.project.pk).update(clock_at=at)
    run = BillingRun.objects.create(
        project=sandbox.project,
        public_id=f"run_{at}",
        as_of=at,
        trigger=BillingRun.Trigger.API,
        actor="test",
        bound_event=bound.event,
        bound_retraction=bound.retraction,
        created_at=at,
    )
    while run_atomic(partial(bill_step, run, customers, at=at)):
        pass


def test_a_run_with_an_older_bound_takes_nothing_back() -> None:
    sandbox = started()
    sandbox.subscribe(anchor="calendar")
    sandbox.clock("2026-02-10T00:00:00Z")
    old = take_bound(sandbox.project)
    sandbox.event("2026-01-20T00:00:00Z")
    sandbox.clock("2026-03-01T01:00:00Z")
    sandbox.event("2026-01-21T00:00:00Z")
    customers = list(Customer.objects.values_list("pk", flat=True))
    bill_chunk(sandbox, customers, old, parse_instant("2026-04-01T01:00:00Z"))
    sandbox.clock("2026-05-01T01:00:00Z")
    kinds = [[line["kind"] for line in invoice["lines"]] for invoice in sandbox.invoices()]
    assert [lines.count("correction") for lines in kinds] == [0, 0, 1, 0, 1]
    assert sandbox.totals() == ["30.00", "30.00", "31.00", "30.00", "31.00"]
