"""Do the books still hold? Everything is read, and what can be computed from other rows is."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from django.db.models import F, Q, QuerySet, Sum

from ledger.chart import CHART, account_problem
from ledger.fingerprint import entry_fingerprint
from ledger.models import Account, Grant, JournalEntry, Transfer
from ledger.selectors.balances import account_sums
from ledger.selectors.journal import (
    account_key,
    move_of,
    moves_of_keys,
    operation_key,
    transfers_of_entries,
)
from ledger.templates import Move, OperationKey
from ledger.templates.keys import PROMOTIONAL, PROMOTIONS
from neruba.append_only import missing_triggers
from neruba.models import Project
from neruba.period import local_date

CHUNK = 500
GRANT_ISSUE = "grant.issue"


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing that should agree and does not: what kind, of which object, and how."""

    kind: str
    object: str
    detail: str


def book_differences(project: Project) -> Iterator[Difference]:
    """Everything in the project's books that does not hold; nothing for sound books.

    Kinds: trigger, entry, month, transfer, currency, project, reversal, account, balance, floor,
    grant, promotions. Memory stays bounded: entries, accounts and grants are read in chunks.
    """
    for name in missing_triggers():
        yield Difference("trigger", name, "the append-only trigger does not stand")
    yield from _stray_transfers(project)
    for entries in _entry_chunks(project):
        yield from entry_differences(project, entries)
    for accounts in _account_chunks(project):
        sums = account_sums(accounts)
        for account in accounts:
            yield from _account_differences(account, *sums[account.pk])
    yield from _grant_differences(project)
    yield from _promotion_differences(project)


def entry_differences(project: Project, entries: Sequence[JournalEntry]) -> Iterator[Difference]:
    """What does not hold in these entries of the project and their transfers."""
    transfers = transfers_of_entries([entry.pk for entry in entries])
    originals = transfers_of_entries([row.reverses_id for row in entries if row.reverses_id])
    for entry in entries:
        yield from _entry_differences(project, entry, transfers[entry.pk])
        if entry.reverses_id is not None:
            yield from _reversal_differences(
                entry, transfers[entry.pk], originals[entry.reverses_id]
            )


def newest_entries(project: Project, limit: int) -> list[JournalEntry]:
    """The project's last entries, newest first."""
    return list(_entries(project).order_by("-pk")[:limit])


def _entries(project: Project) -> QuerySet[JournalEntry]:
    return JournalEntry.objects.filter(project=project).select_related("reverses")


def _entry_chunks(project: Project) -> Iterator[list[JournalEntry]]:
    rows = _entries(project).order_by("pk")
    last = 0
    while chunk := list(rows.filter(pk__gt=last)[:CHUNK]):
        yield chunk
        last = chunk[-1].pk


def _account_chunks(project: Project) -> Iterator[list[Account]]:
    rows = Account.objects.filter(project=project).order_by("pk")
    last = 0
    while chunk := list(rows.filter(pk__gt=last)[:CHUNK]):
        yield chunk
        last = chunk[-1].pk


def _stray_transfers(project: Project) -> Iterator[Difference]:
    """Transfers that name the project, and an entry or account of another one."""
    foreign = (
        ~Q(entry__project=F("project"))
        | ~Q(debit_account__project=F("project"))
        | ~Q(credit_account__project=F("project"))
    )
    for transfer in Transfer.objects.filter(foreign, project=project).order_by("pk"):
        yield Difference("project", f"transfer {transfer.pk}", "crosses into another project")


def _entry_differences(
    project: Project, entry: JournalEntry, transfers: tuple[Transfer, ...]
) -> Iterator[Difference]:
    name = str(entry)
    moves = tuple(move_of(transfer) for transfer in transfers)
    expected = entry_fingerprint(
        key=operation_key(entry),
        occurred_at=entry.occurred_at,
        moves=moves,
        reverses=None if entry.reverses is None else operation_key(entry.reverses),
    )
    if expected != entry.request_hash:
        yield Difference(
            "entry", name, f"says {expected}, was posted as {entry.request_hash}: a row was changed"
        )
    month = local_date(entry.occurred_at, project.timezone).strftime("%Y-%m")
    if month != entry.month:
        yield Difference("month", name, f"is in {entry.month}, occurred in {month}")
    for transfer, move in zip(transfers, moves, strict=True):
        yield from _transfer_differences(name, entry, transfer, move)


def _transfer_differences(
    name: str, entry: JournalEntry, transfer: Transfer, move: Move
) -> Iterator[Difference]:
    if move.amount_minor <= 0 or move.debit == move.credit:
        yield Difference("transfer", name, f"transfer {transfer.pk} is no positive move")
    currencies = {transfer.currency, move.debit.currency, move.credit.currency}
    if len(currencies) > 1:
        mixed = " and ".join(sorted(currencies))
        yield Difference("currency", name, f"transfer {transfer.pk} mixes {mixed}")
    if transfer.project_id != entry.project_id:
        yield Difference("project", name, f"transfer {transfer.pk} is of another project")


def _reversal_differences(
    entry: JournalEntry, transfers: tuple[Transfer, ...], originals: tuple[Transfer, ...]
) -> Iterator[Difference]:
    def sides(transfer: Transfer) -> tuple[int, int]:
        return transfer.debit_account_id, transfer.credit_account_id

    def rest(transfer: Transfer) -> tuple[int, str, str]:
        return transfer.amount_minor, transfer.document, transfer.line

    mirrored = [(*sides(transfer)[::-1], *rest(transfer)) for transfer in originals]
    if [(*sides(transfer), *rest(transfer)) for transfer in transfers] != mirrored:
        yield Difference("reversal", str(entry), f"is no mirror of {entry.reverses}")


def _account_differences(account: Account, debit: int, credit: int) -> Iterator[Difference]:
    problem = account_problem(account_key(account))
    if problem:
        yield Difference("account", str(account), problem)
    known = CHART.get(account.code)
    if known is None:
        return
    balance = known.balance(debit, credit)
    kept = balance if known.floor else None
    if account.balance_minor != kept:
        yield Difference(
            "balance", str(account), f"keeps {account.balance_minor}, its transfers sum to {kept}"
        )
    if known.floor and balance < 0:
        yield Difference("floor", str(account), f"stands at {balance}, below zero")


def _grant_differences(project: Project) -> Iterator[Difference]:
    """Grants that say another amount than the entry of their issue."""
    rows = Grant.objects.filter(project=project).order_by("pk")
    last = 0
    while chunk := list(rows.filter(pk__gt=last)[:CHUNK]):
        issued = {(grant.public_id, move.amount_minor) for grant, move in _issues(project, chunk)}
        for grant in chunk:
            if (grant.public_id, grant.amount_minor) not in issued:
                said = f"says {grant.amount_minor}, which is not what its issue moved"
                yield Difference("grant", grant.public_id, said)
        last = chunk[-1].pk


def _issues(project: Project, grants: Sequence[Grant]) -> Iterator[tuple[Grant, Move]]:
    keys = {OperationKey(GRANT_ISSUE, grant.public_id): grant for grant in grants}
    for key, moves in moves_of_keys(project, keys).items():
        yield from ((keys[key], move) for move in moves if move.credit.sub == key.object)


def _promotion_differences(project: Project) -> Iterator[Difference]:
    """By currency, what is promised (1910) and is not what promotional grants hold (2010)."""
    left: dict[str, int] = defaultdict(int)
    promised = list(Account.objects.filter(project=project, code=PROMOTIONS))
    sums = account_sums(promised)
    for account in promised:
        debit, credit = sums[account.pk]
        left[account.currency] += debit - credit
    held = Account.objects.filter(project=project, code=PROMOTIONAL).order_by().values("currency")
    for row in held.annotate(total=Sum("balance_minor")):
        left[row["currency"]] -= row["total"] or 0
    for currency, minor in sorted(left.items()):
        if minor:
            said = f"1910 stands {minor} away from the promotional grants on 2010"
            yield Difference("promotions", currency, said)
