"""A rebuild that uses up the mark of an event while the event's period is being finalised."""

import time
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from django.db import connection

from billing.models import LateUsage
from billing.services import invoices, late
from ingest.models import DirtyMark
from ingest.services.windows import rebuild_windows
from neruba.edge import run_atomic
from tests.billing.sandbox import started
from tests.concurrency.rivals import needs_row_locks

pytestmark = [needs_row_locks, pytest.mark.django_db(transaction=True)]


def test_a_rebuild_waits_for_the_finalisation_and_sees_what_it_could_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sandbox = started()
    sandbox.subscribe(anchor="calendar")
    sandbox.clock("2026-02-01T00:30:00Z")
    rebuilds: list[Future[int]] = []

    def on_own_connection(work: Any) -> Any:
        try:
            return work()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as thread:

        def settle_then_be_late(*args: Any, **kwargs: Any) -> None:
            late.settle(*args, **kwargs)  # looked for events beyond the bound, and there are none
            if rebuilds:
                return
            event = partial(sandbox.event, "2026-01-20T00:00:00Z")
            thread.submit(on_own_connection, event).result(timeout=20)
            rebuild = partial(run_atomic, partial(rebuild_windows, sandbox.project))
            rebuilds.append(thread.submit(on_own_connection, rebuild))
            time.sleep(0.5)
            assert not rebuilds[0].done(), "the rebuild must wait for the customer's lock"

        monkeypatch.setattr(invoices, "settle", settle_then_be_late)
        sandbox.clock("2026-02-01T01:00:00Z")
        rebuilds[0].result(timeout=20)
    assert not DirtyMark.objects.exists()
    assert LateUsage.objects.count() == 1
    sandbox.clock("2026-03-01T01:00:00Z")
    assert [line["amount"] for line in sandbox.invoices()[-1]["lines"]] == ["0.00", "30.00", "1.00"]
