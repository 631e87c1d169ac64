"""The one way into the books. Entries are written once, whole, and never changed."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from django.db import IntegrityError, connection, models, transaction

from ledger.chart import account_problem
from ledger.errors import AlreadyReversedError, EntryNotFoundError, OperationKeyReusedError
from ledger.fingerprint import entry_fingerprint
from ledger.models import JournalEntry, Transfer
from ledger.selectors.journal import entries_by_key, move_of, transfers_of_entries
from ledger.services.accounts import move_balances, open_accounts
from ledger.templates import AccountKey, Move, OperationKey, Posting
from neruba.errors import InvariantError
from neruba.inserts import insert_rows_for_ids
from neruba.models import Project
from neruba.money import MAX_MINOR_DIGITS
from neruba.period import local_date

MAX_AMOUNT_MINOR = 10**MAX_MINOR_DIGITS - 1
ENTRY_COLUMNS = (
    *("project_id", "kind", "object", "occurrence", "occurred_at", "recorded_at", "month"),
    *("reverses_id", "request_hash"),
)
TRANSFER_COLUMNS = (
    *("project_id", "entry_id", "debit_account_id", "credit_account_id", "amount_minor"),
    *("currency", "document", "line"),
)

LINE = TRANSFER_COLUMNS.index("line")

M = TypeVar("M", bound=models.Model)


@dataclass(frozen=True, slots=True)
class _Row:
    """A row that was inserted: its id, and the values of the columns."""

    pk: int
    values: Sequence[object]

    def model(self, model: type[M], columns: Sequence[str]) -> M:
        """As if it had been read again."""
        return model.from_db(connection.alias, ("id", *columns), (self.pk, *self.values))


@dataclass(frozen=True, slots=True)
class _Written:
    """What became of postings: entries that stood in the books before, and rows made now."""

    prior: dict[OperationKey, JournalEntry]
    entries: dict[OperationKey, _Row]
    transfers: dict[OperationKey, list[_Row]]

    def prior_transfers(self) -> dict[OperationKey, tuple[Transfer, ...]]:
        found = transfers_of_entries([entry.pk for entry in self.prior.values()])
        return {key: found[entry.pk] for key, entry in self.prior.items()}


@dataclass(frozen=True, slots=True)
class Posted:
    """An entry with its transfers in the order of the moves; replayed: it stood there before."""

    entry: JournalEntry
    transfers: tuple[Transfer, ...]
    replayed: bool


def post_entries(*, project: Project, postings: Sequence[Posting], at: datetime) -> list[Posted]:
    """Write entries set-wise, each at most once; all of them or, where one is refused, none.

    Amounts are minor units, 1 to 10**18 - 1; `occurred_at` is the accounting date, `at` when we
    learned. Returns one Posted for each posting, in their order; a key that stands in the books (or
    twice in `postings`) gives its first entry. Floors are checked after each posting in turn.
    Raises OperationKeyReusedError for a known key with other content, BalanceTooLowError,
    EntryNotFoundError and AlreadyReversedError for reversals, InvariantError for moves that the
    chart of accounts does not allow and for a reversal that is no mirror.
    Law: post_entries(a + b) == post_entries(a) + post_entries(b). Source: docs/ledger.md.
    """
    written = _write(project, postings, at)
    entries = written.prior | {
        key: row.model(JournalEntry, ENTRY_COLUMNS) for key, row in written.entries.items()
    }
    transfers = written.prior_transfers() | {
        key: tuple(row.model(Transfer, TRANSFER_COLUMNS) for row in rows)
        for key, rows in written.transfers.items()
    }
    seen: set[OperationKey] = set(written.prior)
    posted = []
    for posting in postings:
        key = posting.key
        posted.append(Posted(entries[key], transfers[key], replayed=key in seen))
        seen.add(key)
    return posted


def post_lines(
    *, project: Project, postings: Sequence[Posting], at: datetime
) -> list[dict[str, int]]:
    """Write entries as `post_entries` does; return for each the ids of its transfers, by the line
    that they name. For documents with many lines: it makes no model of each row.
    """
    written = _write(project, postings, at)
    lines = {
        key: {transfer.line: transfer.pk for transfer in transfers}
        for key, transfers in written.prior_transfers().items()
    }
    for key, rows in written.transfers.items():
        lines[key] = {str(row.values[LINE]): row.pk for row in rows}
    return [lines[posting.key] for posting in postings]


def post_entry(
    *,
    project: Project,
    key: OperationKey,
    moves: Sequence[Move],
    occurred_at: datetime,
    at: datetime,
    reverses: OperationKey | None = None,
) -> Posted:
    """Write one entry, or return the one that this key wrote before; see `post_entries`."""
    posting = Posting(key, tuple(moves), occurred_at, reverses)
    return post_entries(project=project, postings=[posting], at=at)[0]


def reverse_entry(
    *,
    project: Project,
    key_of: OperationKey,
    key: OperationKey,
    occurred_at: datetime,
    at: datetime,
) -> Posted:
    """Write the mirror of the entry under `key_of`: its moves with sides exchanged.

    Raises EntryNotFoundError, and AlreadyReversedError where another key reversed it.
    """
    original = entries_by_key(project, [key_of]).get(key_of)
    if original is None:
        raise EntryNotFoundError(f"There is no entry {key_of}.")
    moves = mirror(move_of(row) for row in transfers_of_entries([original.pk])[original.pk])
    return post_entry(
        project=project, key=key, moves=moves, occurred_at=occurred_at, at=at, reverses=key_of
    )


def mirror(moves: Iterable[Move]) -> tuple[Move, ...]:
    """The same moves with their sides exchanged; document and line stay."""
    return tuple(
        Move(move.credit, move.debit, move.amount_minor, move.document, move.line) for move in moves
    )


def _write(project: Project, postings: Sequence[Posting], at: datetime) -> _Written:
    distinct = _distinct(postings)
    with transaction.atomic():
        originals = _originals(project, distinct.values())
        prior, entries = _insert_entries(project, distinct, originals, at)
        fresh = [posting for key, posting in distinct.items() if key in entries]
        keys = {key for posting in fresh for move in posting.moves for key in _sides(move)}
        accounts = open_accounts(project=project, keys=keys)
        move_balances(accounts, fresh)
        transfers = _insert_transfers(project, fresh, entries, accounts)
    return _Written(prior, entries, transfers)


def _sides(move: Move) -> tuple[AccountKey, AccountKey]:
    return move.debit, move.credit


def _hash(posting: Posting) -> str:
    return entry_fingerprint(
        key=posting.key,
        occurred_at=posting.occurred_at,
        moves=posting.moves,
        reverses=posting.reverses,
    )


def _distinct(postings: Sequence[Posting]) -> dict[OperationKey, Posting]:
    """The postings by key, each checked."""
    distinct: dict[OperationKey, Posting] = {}
    problems: dict[AccountKey, str] = {}
    for posting in postings:
        first = distinct.setdefault(posting.key, posting)
        if first != posting:
            raise OperationKeyReusedError(f"{posting.key} was given twice with other content.")
        for move in posting.moves:
            for side in _sides(move):
                if side not in problems:
                    problems[side] = account_problem(side)
            problem = _problem(move) or problems[move.debit] or problems[move.credit]
            if problem:
                raise InvariantError(f"{posting.key}: {problem}")
    return distinct


def _problem(move: Move) -> str:
    """What the accounts cannot hold is a fault of the caller's code, not of its input."""
    if move.debit == move.credit:
        return "debit and credit are the same account"
    if move.debit.currency != move.credit.currency:
        return f"{move.debit.currency} and {move.credit.currency} do not mix"
    if not 0 < move.amount_minor <= MAX_AMOUNT_MINOR:
        return f"an amount of {move.amount_minor} minor units"
    return ""


def _originals(project: Project, postings: Collection[Posting]) -> dict[OperationKey, JournalEntry]:
    """The entries that postings reverse, of which the postings must be the mirror."""
    reversing = {posting.reverses: posting for posting in postings if posting.reverses is not None}
    originals = entries_by_key(project, reversing.keys())
    moves = transfers_of_entries([entry.pk for entry in originals.values()])
    for posting in postings:
        key = posting.reverses
        if key is None:
            continue
        if key not in originals:
            raise EntryNotFoundError(f"There is no entry {key}.")
        if reversing[key] is not posting:
            raise AlreadyReversedError(f"{key} would be reversed twice.")
        if mirror(move_of(row) for row in moves[originals[key].pk]) != posting.moves:
            raise InvariantError(f"{posting.key} is no mirror of {key}")
    return originals


def _insert_entries(
    project: Project,
    postings: Mapping[OperationKey, Posting],
    originals: Mapping[OperationKey, JournalEntry],
    at: datetime,
) -> tuple[dict[OperationKey, JournalEntry], dict[OperationKey, _Row]]:
    """Insert first, read on conflict: the entries that stood there before, and those made now."""
    hashes = {key: _hash(posting) for key, posting in postings.items()}
    prior: dict[OperationKey, JournalEntry] = {}
    while pending := [posting for key, posting in postings.items() if key not in prior]:
        rows = [
            (
                *(project.pk, posting.key.kind, posting.key.object, posting.key.occurrence),
                *(posting.occurred_at, at, _month(project, posting.occurred_at)),
                originals[posting.reverses].pk if posting.reverses else None,
                hashes[posting.key],
            )
            for posting in pending
        ]
        try:
            with transaction.atomic():
                ids = insert_rows_for_ids(JournalEntry, ENTRY_COLUMNS, rows)
        except IntegrityError:
            found = entries_by_key(project, [posting.key for posting in pending])
            if not found:
                _refuse_second_reversal(originals)
                raise
            for key, entry in found.items():
                if entry.request_hash != hashes[key]:
                    raise OperationKeyReusedError(
                        f"{key} is in the books with other content."
                    ) from None
            prior |= found
        else:
            stored = zip(pending, ids, rows, strict=True)
            return prior, {posting.key: _Row(pk, row) for posting, pk, row in stored}
    return prior, {}


def _month(project: Project, occurred_at: datetime) -> str:
    return local_date(occurred_at, project.timezone).strftime("%Y-%m")


def _refuse_second_reversal(originals: Mapping[OperationKey, JournalEntry]) -> None:
    pks = [entry.pk for entry in originals.values()]
    first = JournalEntry.objects.filter(reverses__in=pks).select_related("reverses").first()
    if first is not None:
        raise AlreadyReversedError(f"{first.reverses} was reversed by {first}.") from None


def _insert_transfers(
    project: Project,
    postings: Sequence[Posting],
    entries: Mapping[OperationKey, _Row],
    accounts: Mapping[AccountKey, int],
) -> dict[OperationKey, list[_Row]]:
    """The transfers of new entries, in the order of the moves."""
    owners = [posting.key for posting in postings for _ in posting.moves]
    rows = [
        (
            *(project.pk, entries[posting.key].pk),
            *(accounts[move.debit], accounts[move.credit], move.amount_minor),
            *(move.debit.currency, move.document, move.line),
        )
        for posting in postings
        for move in posting.moves
    ]
    found: dict[OperationKey, list[_Row]] = {posting.key: [] for posting in postings}
    ids = insert_rows_for_ids(Transfer, TRANSFER_COLUMNS, rows)
    for key, pk, row in zip(owners, ids, rows, strict=True):
        found[key].append(_Row(pk, row))
    return found
