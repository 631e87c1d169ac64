"""Billing breaks off at a statement and is run again: the end is that of an undisturbed run."""

from collections.abc import Callable
from itertools import count
from typing import Any

import pytest
from django.db import connection

from billing.models import Invoice, LateUsage
from billing.selectors.verify import number_gaps, verify_invoices
from ingest.models import DirtyMark
from ledger.models import Transfer
from ledger.selectors.verify import book_differences
from neruba import due
from neruba.models import Project
from neruba.period import parse_instant
from tests.billing.sandbox import Sandbox, started

END = parse_instant("2026-04-10T00:00:00Z")
FEE = {"code": "base", "kind": "recurring", "model": "flat", "amount": "31.00"}
CALLS = {
    "code": "calls",
    "kind": "usage",
    "meter": "calls",
    "model": "per_unit",
    "unit_amount": "7.5",
}
# A prime, so that the sample falls on every kind of statement in turn.
EVERY = 17


class BrokenOffError(BaseException):
    """What stands in for the crash: no code of ours goes on after it."""


def sandbox() -> Sandbox:
    """A short first period in a zone of its own; a late event, a late void and a charge wait."""
    made = started(FEE, CALLS, timezone="America/Sao_Paulo")
    made.subscribe(anchor="calendar", start_at="2026-01-10T00:00:00Z")
    made.clock("2026-01-15T00:00:00Z")
    for number in range(3):
        made.event("2026-01-12T00:00:00Z", id=f"in-time-{number}")
    made.clock("2026-02-10T00:00:00Z")
    made.event("2026-01-13T00:00:00Z", id="late")
    made.post("/events/void", {"source": "test", "id": "in-time-0", "reason": "test"}, 200)
    made.event("2026-02-05T00:00:00Z", id="next-period")
    charge = {"charge_key": "k", "customer": "acme", "amount": "5.00", "description": "Set-up"}
    made.post("/charges", charge)
    return made


def bill(made: Sandbox, at_statement: Callable[[int], None]) -> int:
    """Walk the clock to the end; returns how many statements that took."""
    numbers = count(1)

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001 - Django calls it so
        at_statement(next(numbers))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(watch):
        due.walk(Project.objects.get(pk=made.project.pk), END)
    return next(numbers) - 1


def end_state(made: Sandbox) -> tuple[object, ...]:
    """What must be equal, once books, numbers and every invoice were verified."""
    project = made.project
    rows = Invoice.objects.filter(project=project, sequence__isnull=False)
    issued = list(rows.select_related("customer", "subscription__customer", "party"))
    assert number_gaps(project) == []
    assert list(book_differences(project)) == []
    assert all(verdict.matches for verdict in verify_invoices(project, issued))
    return (
        sorted(invoice.content_hash for invoice in issued),
        Transfer.objects.filter(project=project).count(),
        LateUsage.objects.filter(project=project).count(),
        DirtyMark.objects.filter(project=project).count(),
    )


@pytest.mark.django_db(transaction=True)
def test_billing_that_broke_off_at_a_statement_ends_like_one_that_did_not() -> None:
    undisturbed = sandbox()
    statements = bill(undisturbed, lambda _number: None)
    expected = end_state(undisturbed)
    for broken in range(1, statements + 1, EVERY):
        made = sandbox()

        def break_off(number: int, broken: int = broken) -> None:
            if number == broken:
                raise BrokenOffError

        with pytest.raises(BrokenOffError):
            bill(made, break_off)
        bill(made, lambda _number: None)
        assert end_state(made) == expected, f"statement {broken}"
