"""Rivals over one subscription: the same change twice, different ones at one instant, a change and
the run that bills the boundary at its instant.
"""

from collections.abc import Callable
from decimal import Decimal
from functools import partial
from itertools import count
from typing import Any

import pytest

from billing.execution import execute_run
from billing.models import BillingRun, Invoice, Subscription, SubscriptionChange
from billing.selectors.timelines import timelines_of
from billing.selectors.verify import number_gaps
from billing.services.runs import create_run
from neruba.actor import SYSTEM
from neruba.models import Project
from tests.billing.composed import verified
from tests.billing.sandbox import BASE, CALLS, SEATS, Sandbox, started
from tests.concurrency.rivals import at_once, needs_row_locks

pytestmark = [needs_row_locks, pytest.mark.django_db(transaction=True)]

RIVALS = 6
CHANGES = "/api/v1/subscriptions/sub/changes"
Answer = tuple[int, Any]
_numbers = count(1)


def seated() -> Sandbox:
    """A subscription with a fee ahead, three seats and calls, billed in calendar months; it is the
    tenth of January.
    """
    sandbox = started(BASE, SEATS, CALLS)
    sandbox.subscribe(anchor="calendar", quantities={"seats": "3"})
    sandbox.clock("2026-01-10T00:00:00Z")
    return sandbox


def asking(sandbox: Sandbox, body: dict[str, Any], *, key: str = "") -> Callable[[], Answer]:
    """A client that asks for a change, under a key of its own where none is given."""
    name = key or f"change-{next(_numbers)}"

    def ask() -> Answer:
        response = sandbox.client.post(
            CHANGES, body, format="json", headers={"idempotency-key": name}
        )
        return response.status_code, response.json()

    return ask


def changes_of(sandbox: Sandbox) -> list[SubscriptionChange]:
    rows = SubscriptionChange.objects.filter(project=sandbox.project).exclude(type="create")
    return list(rows.order_by("number"))


def test_a_change_sent_many_times_at_once_under_one_key_changes_once() -> None:
    sandbox = seated()
    body = {"type": "set_quantity", "price": "seats", "quantity": "5", "invoice": "now"}
    answers = at_once([asking(sandbox, body, key="five-seats") for _ in range(RIVALS)])
    # One that comes while the first one is at work is told so, and may come again.
    assert {answer[0] for answer in answers if not isinstance(answer, Exception)} <= {201, 409}
    assert [one for one in answers if isinstance(one, Exception)] == []
    status, again = asking(sandbox, body, key="five-seats")()
    assert status == 201
    (change,) = changes_of(sandbox)
    assert again["id"] == f"chg_{change.number}"
    assert all(one[1]["id"] == again["id"] for one in answers if one[0] == 201)  # type: ignore[index]
    assert Invoice.objects.filter(reason="change").count() == 1
    verified(sandbox)


def test_of_two_clients_who_ask_for_what_can_be_done_once_one_is_refused() -> None:
    sandbox = seated()
    price = {"code": "support", "kind": "recurring", "model": "flat", "amount": "9.99"}
    body = {"type": "add_price", "price": price, "invoice": "now"}
    answers = at_once([asking(sandbox, body) for _ in range(RIVALS)])
    assert sorted(one[0] for one in answers) == [201] + [409] * (RIVALS - 1)  # type: ignore[index]
    assert len(changes_of(sandbox)) == 1
    assert Invoice.objects.filter(reason="change").count() == 1
    verified(sandbox)


def test_changes_at_one_instant_have_an_order_and_the_state_is_that_of_the_last() -> None:
    sandbox = seated()
    works = [
        asking(
            sandbox,
            {
                "type": "set_quantity",
                "price": "seats",
                "quantity": str(seats),
                "effective_at": "2026-01-20T00:00:00Z",
            },
        )
        for seats in range(4, 4 + RIVALS)
    ]
    answers = at_once(works)
    assert [one[0] for one in answers] == [201] * RIVALS  # type: ignore[index]
    rows = changes_of(sandbox)
    assert [row.number for row in rows] == list(range(2, 2 + RIVALS))
    last = max(answers, key=lambda one: int(one[1]["id"].removeprefix("chg_")))  # type: ignore[index]
    subscription = Subscription.objects.get(project=sandbox.project)
    timeline = timelines_of(sandbox.project, [subscription.pk])[subscription.pk]
    seats = timeline.terms_at(rows[0].effective_at).quantities["seats"]
    assert str(seats) == last[1]["content"]["quantity"]  # type: ignore[index]
    sandbox.clock("2026-02-01T02:00:00Z")
    lines = [line for line in sandbox.invoices()[-1]["lines"] if line["price"] == "seats"]
    assert lines[-1]["quantity"] == str(seats)
    verified(sandbox)


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


@pytest.mark.parametrize("invoice", ["next", "now"])
def test_a_change_and_the_run_that_bills_its_boundary_come_out_right_in_either_order(
    invoice: str,
) -> None:
    sandbox = seated()
    sandbox.now_at("2026-02-01T02:00:00Z")
    body = {
        "type": "set_quantity",
        "price": "seats",
        "quantity": "5",
        "invoice": invoice,
        "effective_at": "2026-02-01T00:00:00Z",
    }
    bills: list[Callable[[], Any]] = [partial(bill, sandbox.project) for _ in range(2)]
    answers = at_once([*bills, asking(sandbox, body), *bills])
    assert [one for one in answers if isinstance(one, Exception)] == []
    assert answers[2][0] == 201  # type: ignore[index]
    bill(sandbox.project)
    sandbox.clock("2026-03-01T02:00:00Z")
    sandbox.clock("2026-04-01T02:00:00Z")
    verified(sandbox)
    assert number_gaps(sandbox.project) == []
    # Of February five seats are paid, on one document or on two.
    seats = [
        Decimal(line["amount"])
        for document in sandbox.invoices()
        for line in document["lines"]
        if line["price"] == "seats" and line["period"]["start"].startswith("2026-02-01")
    ]
    assert sum(seats) == 50
