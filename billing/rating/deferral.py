"""What of a line that was billed ahead is earned by an instant. Pure."""

from datetime import datetime

from neruba.money import allocate
from neruba.period import Interval, local_date


def earned_minor(base_minor: int, period: Interval, *, at: datetime, zone: str) -> int:
    """How much of `base_minor` (at least 0, minor units) is earned by `at`: by local days of the
    period, of which the day of `at` itself is not over.

    0 before the period, all of it from its end on. Cumulative: who recognised before subtracts
    that. Source: docs/ledger.md, "Deferred revenue".
    """
    first, end = local_date(period.start, zone), local_date(period.end, zone)
    days = (end - first).days
    if days <= 0 or at >= period.end:
        return base_minor if at >= period.start else 0
    passed = min(max((local_date(at, zone) - first).days, 0), days)
    return allocate(base_minor, [passed, days - passed])[0]
