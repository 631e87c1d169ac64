"""The one way into the books. Entries are written once, whole, and never changed."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, connection, transaction

from ledger.chart import account_problem
from ledger.errors import AlreadyReversedError, EntryNotFoundError, OperationKeyReusedError
from ledger.fingerprint import entry_fingerprint
from ledger.models import Account, JournalEntry, Transfer
from ledger.selectors.journal import entries_by_key, move_of, transfers_of_entries
from ledger.services.accounts import move_balances, open_accounts
from ledger.templates import AccountKey, Move, OperationKey, Posting
from neruba.errors import InvariantError
from neruba.models import Project
from neruba.money import MAX_MINOR_DIGITS
from neruba.period import local_date

MAX_AMOUNT_MINOR = 10**MAX_MINOR_DIGITS - 1


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
    distinct = _distinct(postings)
    with transaction.atomic():
        originals = _originals(project, distinct.values())
        prior, entries = _insert_entries(project, distinct, originals, at)
        fresh = [posting for key, posting in distinct.items() if key in entries]
        keys = {key for posting in fresh for move in posting.moves for key in _sides(move)}
        accounts = open_accounts(project=project, keys=keys)
        move_balances(accounts, fresh)
        transfers = _insert_transfers(project, fresh, entries, accounts)
    transfers |= transfers_of_entries([entry.pk for entry in prior.values()])
    seen: set[OperationKey] = set(prior)
    posted = []
    for posting in postings:
        entry = prior.get(posting.key) or entries[posting.key]
        posted.append(Posted(entry, transfers[entry.pk], replayed=posting.key in seen))
        seen.add(posting.key)
    return posted


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
    for posting in postings:
        first = distinct.setdefault(posting.key, posting)
        if first != posting:
            raise OperationKeyReusedError(f"{posting.key} was given twice with other content.")
        for move in posting.moves:
            _check_move(posting.key, move)
    return distinct


def _check_move(key: OperationKey, move: Move) -> None:
    """What the accounts cannot hold is a fault of the caller's code, not of its input."""
    problem = account_problem(move.debit) or account_problem(move.credit)
    if move.debit == move.credit:
        problem = "debit and credit are the same account"
    elif move.debit.currency != move.credit.currency:
        problem = f"{move.debit.currency} and {move.credit.currency} do not mix"
    elif not 0 < move.amount_minor <= MAX_AMOUNT_MINOR:
        problem = f"an amount of {move.amount_minor} minor units"
    if problem:
        raise InvariantError(f"{key}: {problem}")


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
) -> tuple[dict[OperationKey, JournalEntry], dict[OperationKey, JournalEntry]]:
    """Insert first, read on conflict: the entries that stood there before, and those made now."""
    hashes = {key: _hash(posting) for key, posting in postings.items()}
    prior: dict[OperationKey, JournalEntry] = {}
    while pending := [posting for key, posting in postings.items() if key not in prior]:
        # Made anew in each round, since a failed round may have left ids on them.
        rows = {
            posting.key: JournalEntry(
                project=project,
                kind=posting.key.kind,
                object=posting.key.object,
                occurrence=posting.key.occurrence,
                occurred_at=posting.occurred_at,
                recorded_at=at,
                month=local_date(posting.occurred_at, project.timezone).strftime("%Y-%m"),
                reverses=originals[posting.reverses] if posting.reverses else None,
                request_hash=hashes[posting.key],
            )
            for posting in pending
        }
        try:
            with transaction.atomic():
                JournalEntry.objects.bulk_create(rows.values())
        except IntegrityError:
            found = entries_by_key(project, rows.keys())
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
            known = connection.features.can_return_rows_from_bulk_insert
            return prior, rows if known else entries_by_key(project, rows.keys())
    return prior, {}


def _refuse_second_reversal(originals: Mapping[OperationKey, JournalEntry]) -> None:
    pks = [entry.pk for entry in originals.values()]
    first = JournalEntry.objects.filter(reverses__in=pks).select_related("reverses").first()
    if first is not None:
        raise AlreadyReversedError(f"{first.reverses} was reversed by {first}.") from None


def _insert_transfers(
    project: Project,
    postings: Sequence[Posting],
    entries: Mapping[OperationKey, JournalEntry],
    accounts: Mapping[AccountKey, Account],
) -> dict[int, tuple[Transfer, ...]]:
    """The transfers of new entries, by entry, in the order of the moves."""
    rows = {
        entries[posting.key].pk: tuple(
            Transfer(
                project=project,
                entry=entries[posting.key],
                debit_account=accounts[move.debit],
                credit_account=accounts[move.credit],
                amount_minor=move.amount_minor,
                currency=move.debit.currency,
                document=move.document,
                line=move.line,
            )
            for move in posting.moves
        )
        for posting in postings
    }
    Transfer.objects.bulk_create(transfer for transfers in rows.values() for transfer in transfers)
    if connection.features.can_return_rows_from_bulk_insert:
        return rows
    return transfers_of_entries(rows.keys())
