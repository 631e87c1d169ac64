"""Rivals in billing: the same run twice at once, the same change, the same charge."""

from functools import partial
from itertools import count

import pytest

from billing.execution import execute_run
from billing.models import BillingRun, Charge, Invoice, SubscriptionChange
from billing.selectors.verify import number_gaps
from billing.services.runs import create_run
from ledger.selectors.verify import book_differences
from neruba.actor import SYSTEM
from neruba.models import Project
from tests.billing.sandbox import Sandbox, started
from tests.concurrency.rivals import at_once, needs_row_locks

pytestmark = [needs_row_locks, pytest.mark.django_db(transaction=True)]

RIVALS = 6
CUSTOMERS = 12


def bill(project: Project) -> BillingRun:
    project = Project.objects.get(pk=project.pk)
    at = project.clock_at
    assert at is not None
    run = create_run(
        project=project,
        as_of=at,
        customers=None,
        dry_run=False,
        trigger=BillingRun.Trigger.COMMAND,
        actor=SYSTEM,
        at=at,
    )
    return execute_run(run, at=at)


def backdated() -> Sandbox:
    """Twelve customers, each with two boundaries to be caught up with."""
    sandbox = started(start="2026-02-10T00:00:00Z")
    for number in range(CUSTOMERS):
        name = f"customer-{number:02d}"
        sandbox.customer(name)
        start = "2026-01-05T00:00:00Z"
        sandbox.subscribe(f"sub-{number:02d}", customer=name, start_at=start, anchor="calendar")
    return sandbox


def test_runs_at_once_issue_each_invoice_once_and_leave_no_gap() -> None:
    sandbox = backdated()
    runs = at_once([partial(bill, sandbox.project)] * RIVALS)
    assert [run for run in runs if isinstance(run, Exception)] == []
    assert Invoice.objects.filter(status="open").count() == 2 * CUSTOMERS
    assert number_gaps(sandbox.project) == []
    assert list(book_differences(sandbox.project)) == []
    finalized = sum(run.finalized for run in runs if isinstance(run, BillingRun))
    assert finalized == 2 * CUSTOMERS


def test_two_clients_cannot_cancel_twice() -> None:
    sandbox = started()
    sandbox.subscribe()
    numbers = count()

    def cancel() -> int:
        response = sandbox.client.post(
            "/api/v1/subscriptions/sub/changes",
            {"type": "cancel"},
            format="json",
            headers={"idempotency-key": f"cancel-{next(numbers)}"},
        )
        return response.status_code

    answers = at_once([cancel] * RIVALS)
    assert sorted(map(str, answers)) == ["201"] + ["409"] * (RIVALS - 1)
    assert SubscriptionChange.objects.filter(type="cancel").count() == 1


def test_one_charge_sent_by_many_clients_at_once_is_one_charge() -> None:
    sandbox = started()
    body = {
        "charge_key": "setup",
        "customer": "acme",
        "amount": "5.00",
        "description": "Set-up",
        "invoice_now": True,
    }
    numbers = count()

    def charge() -> int:
        response = sandbox.client.post(
            "/api/v1/charges",
            body,
            format="json",
            headers={"idempotency-key": f"charge-{next(numbers)}"},
        )
        return response.status_code

    answers = at_once([charge] * RIVALS)
    assert sorted(map(str, answers)) == ["200"] * (RIVALS - 1) + ["201"]
    assert Charge.objects.count() == Invoice.objects.count() == 1
