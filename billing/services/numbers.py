"""Gapless numbers: taken by the last statement of a finalising transaction, so that a rollback
leaves no gap.
"""

from collections.abc import Sequence

from billing.locks import lock_series
from billing.models import NumberSeries
from neruba.models import Project

INVOICES = "invoice"
CREDIT_NOTES = "credit_note"


def take_numbers(project: Project, series: str, count: int) -> Sequence[int]:
    """The next `count` numbers of a series. The series stays locked until the commit."""
    row = lock_series(project, series)
    first = row.last + 1
    NumberSeries.objects.filter(pk=row.pk).update(last=row.last + count)
    return range(first, first + count)
