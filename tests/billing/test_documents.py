"""Documents are read while runs issue them."""

import pytest

from billing.models import Invoice
from billing.selectors.documents import documents_of
from tests.billing.sandbox import BASE, CALLS, started

pytestmark = pytest.mark.django_db


def test_a_draft_that_is_issued_while_it_is_read_comes_as_it_was_issued() -> None:
    sandbox = started(BASE, CALLS)
    sandbox.subscribe()
    sandbox.event("2026-01-01T00:00:00Z")
    sandbox.clock("2026-02-01T00:30:00Z")
    rows = list(Invoice.objects.order_by("pk"))
    assert [row.status for row in rows] == ["open", "draft"]
    sandbox.clock("2026-02-01T01:00:00Z")
    documents = documents_of(sandbox.project, rows)
    assert [one.invoice.status for one in documents] == ["open", "open"]
    assert [one.invoice.number for one in documents] == ["INV-000001", "INV-000002"]
    assert documents[1].content_hash == documents[1].invoice.content_hash


def test_a_draft_that_comes_to_nothing_while_it_is_read_is_left_out() -> None:
    sandbox = started(CALLS)  # usage alone: without any, no document is made
    sandbox.subscribe()
    sandbox.clock("2026-02-01T00:30:00Z")
    rows = list(Invoice.objects.all())
    assert [row.status for row in rows] == ["draft"]
    sandbox.clock("2026-02-01T01:00:00Z")
    assert documents_of(sandbox.project, rows) == []
