"""The books as other programs read them: streamed, at one moment."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import date, datetime
from functools import partial

from django.db.models import Q, QuerySet

from ledger.export.book import Book, ExportedEntry, Standing, Total
from ledger.export.formats import FORMATS
from ledger.ids import ENTRY, public_id
from ledger.models import Account, JournalEntry, Transfer
from ledger.selectors.balances import account_sums, trial_balance
from ledger.selectors.journal import account_key, operation_key
from ledger.templates import AccountKey, Move, OperationKey
from neruba.models import Project
from neruba.period import local_date
from neruba.snapshot import snapshot

# Rows in memory at once; an entry comes with all of its transfers.
ENTRIES_A_READ = 200
ACCOUNTS_A_READ = 500
TEXT_A_CHUNK = 64 * 1024

_SIDES = tuple(
    f"{side}_account__{column}" for side in ("debit", "credit") for column in AccountKey._fields
)
_KEY_COLUMNS = len(AccountKey._fields)


def export_lines(
    project: Project, form: str, *, since: datetime | None = None, to: datetime | None = None
) -> Iterator[str]:
    """The books in one of FORMATS, of entries that occurred from `since` up to and without `to`.

    Both are instants in UTC; None is from the beginning, or to the end. All of it is read at one
    moment and never held in memory: at most ENTRIES_A_READ entries with their transfers. The
    balances are those of the trial balance at `since` and at `to`. Source: docs/finance.md.
    """
    with snapshot():
        yield from FORMATS[form].lines(book_of(project, since=since, to=to))


def export_chunks(
    project: Project, form: str, *, since: datetime | None = None, to: datetime | None = None
) -> Iterator[bytes]:
    """`export_lines` in larger pieces, as they are sent."""
    waiting: list[str] = []
    size = 0
    for text in export_lines(project, form, since=since, to=to):
        waiting.append(text)
        size += len(text)
        if size >= TEXT_A_CHUNK:
            yield "".join(waiting).encode()
            waiting, size = [], 0
    yield "".join(waiting).encode()


def book_of(project: Project, *, since: datetime | None = None, to: datetime | None = None) -> Book:
    """The books, to be read part by part while they stand still (see `snapshot`)."""
    rows = _entries(project, since, to)
    begins_on, ends_on = _bounds(project, rows, since)
    used = Account.objects.filter(project=project).order_by("currency")
    return Book(
        slug=project.slug,
        name=project.name,
        currencies=tuple(used.values_list("currency", flat=True).distinct()),
        begins_on=begins_on,
        ends_on=ends_on,
        accounts=lambda: (account_key(account) for part in _accounts(project) for account in part),
        opening=partial(_opening, project, since),
        entries=partial(_exported, project, rows),
        closing=partial(_standings, project, to),
        totals=partial(_totals, project, to),
    )


def _entries(
    project: Project, since: datetime | None, to: datetime | None
) -> QuerySet[JournalEntry]:
    rows = JournalEntry.objects.filter(project=project)
    if since is not None:
        rows = rows.filter(occurred_at__gte=since)
    return rows if to is None else rows.filter(occurred_at__lt=to)


def _bounds(
    project: Project, rows: QuerySet[JournalEntry], since: datetime | None
) -> tuple[date | None, date | None]:
    """The first and the last accounting date."""
    moments = rows.order_by("occurred_at").values_list("occurred_at", flat=True)
    first, last = since or moments.first(), moments.last() or since
    if first is None or last is None:
        return None, None
    return local_date(first, project.timezone), local_date(last, project.timezone)


def _accounts(project: Project) -> Iterator[list[Account]]:
    """All accounts in the order of their pk, some at a time."""
    after = 0
    while True:
        rows = Account.objects.filter(project=project, pk__gt=after).order_by("pk")
        part = list(rows[:ACCOUNTS_A_READ])
        if not part:
            return
        yield part
        after = part[-1].pk


def _standings(project: Project, at: datetime | None) -> Iterator[Standing]:
    for part in _accounts(project):
        sums = account_sums(part, at=at)
        for account in part:
            debit, credit = sums[account.pk]
            yield Standing(account_key(account), debit - credit)


def _opening(project: Project, since: datetime | None) -> Iterator[Standing]:
    if since is None:
        return iter(())
    return (one for one in _standings(project, since) if one.minor)


def _totals(project: Project, at: datetime | None) -> list[Total]:
    """Of every code and currency that has an account, those without a movement too."""
    moved = {
        (one.account.code, one.currency): one.debit_minor - one.credit_minor
        for one in trial_balance(project, at=at)
    }
    there = Account.objects.filter(project=project).order_by("code", "currency")
    keys = there.values_list("code", "currency").distinct()
    return [Total(*key, moved.get(key, 0)) for key in keys]


def _exported(project: Project, rows: QuerySet[JournalEntry]) -> Iterator[ExportedEntry]:
    """The entries by accounting date and id, each part found by where the last one ended."""
    ordered = rows.select_related("reverses").order_by("occurred_at", "pk")
    part = list(ordered[:ENTRIES_A_READ])
    while part:
        moves = _moves(part)
        for entry in part:
            yield ExportedEntry(
                id=public_id(ENTRY, entry.pk),
                key=operation_key(entry),
                on=local_date(entry.occurred_at, project.timezone),
                occurred_at=entry.occurred_at,
                recorded_at=entry.recorded_at,
                reverses=_reversed_key(entry),
                moves=tuple(moves[entry.pk]),
            )
        last = part[-1]
        later = Q(occurred_at__gt=last.occurred_at) | Q(pk__gt=last.pk)
        part = list(ordered.filter(later, occurred_at__gte=last.occurred_at)[:ENTRIES_A_READ])


def _reversed_key(entry: JournalEntry) -> OperationKey | None:
    return None if entry.reverses is None else operation_key(entry.reverses)


def _moves(entries: list[JournalEntry]) -> dict[int, list[Move]]:
    found: dict[int, list[Move]] = defaultdict(list)
    rows = Transfer.objects.filter(entry__in=[entry.pk for entry in entries]).order_by("pk")
    columns = ("entry_id", "amount_minor", "document", "line", *_SIDES)
    for entry_id, amount, document, line, *sides in rows.values_list(*columns):
        debit, credit = AccountKey(*sides[:_KEY_COLUMNS]), AccountKey(*sides[_KEY_COLUMNS:])
        found[entry_id].append(Move(debit, credit, amount, document, line))
    return found
