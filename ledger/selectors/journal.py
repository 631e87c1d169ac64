"""Entries and transfers, found by what callers know of them."""

from collections.abc import Collection, Iterable
from itertools import groupby
from typing import NamedTuple

from django.db.models import Q, QuerySet

from ledger.models import Account, JournalEntry, Transfer
from ledger.templates import AccountKey, Move, OperationKey
from ledger.templates.keys import BANK, PSP, UNAPPLIED
from neruba.models import Project

MONEY = (BANK, PSP, UNAPPLIED)


def operation_key(entry: JournalEntry) -> OperationKey:
    return OperationKey(entry.kind, entry.object, entry.occurrence)


def account_key(account: Account) -> AccountKey:
    return AccountKey(account.code, account.currency, account.party, account.sub)


def move_of(transfer: Transfer) -> Move:
    """The transfer by natural keys; its accounts should be loaded."""
    return Move(
        debit=account_key(transfer.debit_account),
        credit=account_key(transfer.credit_account),
        amount_minor=transfer.amount_minor,
        document=transfer.document,
        line=transfer.line,
    )


def entries_by_key(
    project: Project, keys: Collection[OperationKey]
) -> dict[OperationKey, JournalEntry]:
    """The entries that stand under these keys; one query for any number of keys."""
    if not keys:
        return {}
    # A superset by columns, since not every database compares rows of several columns by index.
    rows = JournalEntry.objects.filter(
        project=project,
        kind__in={key.kind for key in keys},
        object__in={key.object for key in keys},
    )
    wanted = set(keys)
    return {key: entry for entry in rows if (key := operation_key(entry)) in wanted}


def transfers_of_entries(entry_ids: Collection[int]) -> dict[int, tuple[Transfer, ...]]:
    """Each entry's transfers in the order of its moves, with their accounts; one query."""
    found: dict[int, tuple[Transfer, ...]] = dict.fromkeys(entry_ids, ())
    if not found:
        return found
    rows = Transfer.objects.filter(entry_id__in=entry_ids).order_by("entry_id", "id")
    loaded = rows.select_related("debit_account", "credit_account")
    for entry_id, group in groupby(loaded, key=lambda transfer: transfer.entry_id):
        found[entry_id] = tuple(group)
    return found


def moves_of_keys(
    project: Project, keys: Collection[OperationKey]
) -> dict[OperationKey, tuple[Move, ...]]:
    """The moves of the entries under these keys, in order; a key that stands nowhere is
    left out.
    """
    entries = entries_by_key(project, keys)
    transfers = transfers_of_entries([entry.pk for entry in entries.values()])
    return {
        key: tuple(move_of(row) for row in transfers[entry.pk]) for key, entry in entries.items()
    }


def objects_of_kind(project: Project, kind: str) -> list[str]:
    """What the entries of a kind are about, oldest first."""
    rows = JournalEntry.objects.filter(project=project, kind=kind).order_by("id")
    return list(rows.values_list("object", flat=True))


def standing_of_kind(project: Project, kind: str, objects: Collection[str]) -> dict[str, bool]:
    """Which of these have an entry of the kind, each with whether it stands: false where it was
    reversed. One query.
    """
    rows = JournalEntry.objects.filter(project=project, kind=kind, object__in=objects).order_by()
    found = rows.values_list("object", "reversed_by")
    return {name: reversal is None for name, reversal in found}


class Standing(NamedTuple):
    """The places of an entry and of what reversed it, if anything, in the order of the journal."""

    entry: int
    reversal: int | None

    def stood_before(self, place: int) -> bool:
        """Whether it was there, and not reversed yet, when the entry of this place came."""
        return self.entry < place and (self.reversal is None or self.reversal > place)


def standings_of_kind(project: Project, kind: str, objects: Collection[str]) -> dict[str, Standing]:
    """The entries of the kind about these, each with when it stood. One query."""
    rows = JournalEntry.objects.filter(project=project, kind=kind, object__in=objects).order_by()
    found = rows.values_list("object", "pk", "reversed_by")
    return {name: Standing(pk, reversal) for name, pk, reversal in found}


def transfers_of_documents(project: Project, documents: Iterable[str]) -> QuerySet[Transfer]:
    """The transfers that name one of the documents, oldest first, with entry and accounts."""
    rows = Transfer.objects.filter(project=project, document__in=set(documents))
    return rows.select_related("entry", "debit_account", "credit_account").order_by("id")


def entries_of_document(project: Project, document: str) -> QuerySet[JournalEntry]:
    """The entries with a transfer that names the document, oldest first."""
    named = Transfer.objects.filter(project=project, document=document).values("entry_id")
    return JournalEntry.objects.filter(project=project, pk__in=named).order_by("id")


def moves_of_document(project: Project, document: str, *, kind: str) -> list[Move]:
    """The moves that name the document in entries of a kind, oldest first."""
    rows = transfers_of_documents(project, [document]).filter(entry__kind=kind)
    return [move_of(row) for row in rows]


def entries_about(
    project: Project, kinds: Collection[str], objects: Collection[str]
) -> QuerySet[JournalEntry]:
    """The entries of these kinds about any of these, oldest first."""
    rows = JournalEntry.objects.filter(project=project, kind__in=kinds, object__in=objects)
    return rows.order_by("id")


def moves_about(
    project: Project, kinds: Collection[str], objects: Collection[str]
) -> dict[str, list[Move]]:
    """The moves of all entries of these kinds by what they are about, oldest first; two queries for
    any number of objects, each with an item of the answer.
    """
    found: dict[str, list[Move]] = {name: [] for name in objects}
    rows = entries_about(project, kinds, objects)
    about = dict(rows.values_list("id", "object"))
    for entry, transfers in transfers_of_entries(list(about)).items():
        found[about[entry]] += [move_of(row) for row in transfers]
    return found


def entries_to_reverse(project: Project, document: str) -> list[OperationKey]:
    """The entries of a document that a void reverses, the newest first: all that stand but those
    that are no entry of its own, which have transfers of other documents too or move money.
    """
    entries = entries_of_document(project, document)
    standing = entries.filter(reverses__isnull=True, reversed_by__isnull=True)
    money = Transfer.objects.filter(
        Q(debit_account__code__in=MONEY) | Q(credit_account__code__in=MONEY), entry__in=standing
    )
    return [operation_key(row) for row in standing.exclude(pk__in=money.values("entry")).reverse()]


def transfers_of_account(account: Account) -> QuerySet[Transfer]:
    """What moved on the account, on either side, with entry and accounts."""
    rows = Transfer.objects.filter(Q(debit_account=account) | Q(credit_account=account))
    return rows.select_related("entry", "debit_account", "credit_account").order_by("id")
