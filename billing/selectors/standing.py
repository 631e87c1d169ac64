"""Which issued documents stood at a moment: now, or when another one was issued."""

from collections.abc import Collection, Mapping

from billing.models import Invoice
from ledger.selectors.journal import Standing, standings_of_kind
from ledger.selectors.settlements import ISSUE
from neruba.models import Project


class Standings:
    """Those of some issued documents that are not void; with `before` those that were issued before
    that one and were not void yet then. At most one query.
    """

    def __init__(
        self, project: Project, invoices: Collection[Invoice], *, before: Invoice | None = None
    ) -> None:
        self._before = before
        self._found: Mapping[str, Standing] = {}
        void = {row.operation_key for row in invoices if _is_void(row)}
        if before is not None and void:
            # Only the journal knows the order of what became void and what was issued.
            asked = void | {before.operation_key}
            self._found = standings_of_kind(project, ISSUE, asked)

    def __contains__(self, invoice: Invoice) -> bool:
        if self._before is None:
            return not _is_void(invoice)
        assert invoice.sequence is not None
        assert self._before.sequence is not None
        if invoice.sequence >= self._before.sequence:
            return False
        if not _is_void(invoice):
            return True
        one = self._found.get(invoice.operation_key)
        place = self._found.get(self._before.operation_key)
        return one is not None and place is not None and one.stood_before(place.entry)


def _is_void(invoice: Invoice) -> bool:
    return invoice.status == Invoice.Status.VOID
