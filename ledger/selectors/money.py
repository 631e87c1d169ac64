"""What entries moved on accounts of some codes, in minor units: debits less credits."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

from django.db.models import Exists, Max, Min, OuterRef, Q, Sum

from ledger.models import Account, JournalEntry, Transfer
from ledger.templates import OperationKey
from neruba.models import Project

COLUMNS = ("pk", "kind", "object", "occurrence", "occurred_at")


class Moved(NamedTuple):
    """What one entry moved on the accounts of one code in one currency; above zero: debit."""

    entry: int
    key: OperationKey
    occurred_at: datetime
    code: str
    currency: str
    minor: int


class Movement(NamedTuple):
    """On the accounts of which code, in which currency, by which kind of entries."""

    code: str
    currency: str
    kind: str


def moved_in(
    project: Project, codes: Collection[str], *, since: datetime, to: datetime, size: int
) -> Iterator[list[Moved]]:
    """What the entries that occurred from `since` up to and without `to` moved, in the order in
    which they were written; of `size` entries at a time, with two queries for each. For codes that
    are not divided by customers.
    """
    mine = Account.objects.filter(project=project, code__in=codes)
    accounts = list(mine.values_list("pk", flat=True))
    on = Q(debit_account_id__in=accounts) | Q(credit_account_id__in=accounts)
    entries = JournalEntry.objects.filter(
        project=project, occurred_at__gte=since, occurred_at__lt=to
    )
    # Known by the index of time, so that no page looks through what was written before or later.
    ends = entries.aggregate(first=Min("pk"), last=Max("pk"))
    if ends["first"] is None:
        return
    touching = Exists(Transfer.objects.filter(on, entry=OuterRef("pk")))
    rows = entries.filter(touching, pk__lte=ends["last"]).order_by("pk")
    after = ends["first"] - 1
    while page := list(rows.filter(pk__gt=after).values_list(*COLUMNS)[:size]):
        yield _moved(page, codes)
        after = page[-1][0]


def moved_by(
    project: Project, codes: Collection[str], *, kinds: Collection[str], objects: Collection[str]
) -> list[Moved]:
    """What the entries of these kinds about these objects moved, whenever they occurred."""
    if not objects:
        return []
    rows = JournalEntry.objects.filter(project=project, kind__in=kinds, object__in=objects)
    return _moved(list(rows.order_by("pk").values_list(*COLUMNS)), codes)


def movements(
    project: Project, codes: Collection[str], *, since: datetime, to: datetime
) -> dict[Movement, int]:
    """What the entries of a time moved in all, by code, currency and kind of entry; two queries."""
    sums: dict[Movement, int] = defaultdict(int)
    rows = Transfer.objects.filter(
        project=project, entry__occurred_at__gte=since, entry__occurred_at__lt=to
    ).order_by()
    for side, sign in (("debit", 1), ("credit", -1)):
        mine = rows.filter(**{f"{side}_account__code__in": codes})
        grouped = mine.values_list(f"{side}_account__code", "currency", "entry__kind")
        for code, currency, kind, total in grouped.annotate(total=Sum("amount_minor")):
            sums[Movement(code, currency, kind)] += sign * total
    return dict(sums)


def _moved(
    entries: Sequence[tuple[int, str, str, int, datetime]], codes: Collection[str]
) -> list[Moved]:
    by_pk = {
        pk: (OperationKey(kind, about, occurrence), occurred_at)
        for pk, kind, about, occurrence, occurred_at in entries
    }
    sums: dict[tuple[int, str, str], int] = defaultdict(int)
    on = Q(debit_account__code__in=codes) | Q(credit_account__code__in=codes)
    rows = Transfer.objects.filter(on, entry_id__in=by_pk)
    sides = ("debit_account__code", "credit_account__code")
    columns = ("entry_id", "currency", "amount_minor", *sides)
    for pk, currency, minor, debit, credit in rows.order_by("pk").values_list(*columns):
        for code, sign in ((debit, 1), (credit, -1)):
            if code in codes:
                sums[pk, code, currency] += sign * minor
    return [
        Moved(pk, *by_pk[pk], code, currency, minor)
        for (pk, code, currency), minor in sorted(sums.items())
    ]
