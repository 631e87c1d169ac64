"""What moved on a customer's credits and balance: each with its document, and who did it and why
where a person or a key acted.
"""

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from django.db.models import QuerySet

from ledger.documents import Named, named_documents
from ledger.models import Account, Transfer
from ledger.selectors.wallets import GRANT_CODES, transfers_touching
from ledger.templates.keys import BALANCE
from neruba.models import AuditRecord, Customer, Project
from neruba.money import Money

# The kind of an entry, and the act in the audit history that it belongs to.
ACTS = {
    "grant.issue": "grant.issued",
    "grant.revoke": "grant.revoked",
    "balance.adjust": "balance.adjusted",
    "invoice.credits": "invoice.credits_applied",
}


@dataclass(frozen=True, slots=True)
class Movement:
    """A transfer seen from one account of a customer: `amount` is above zero where it grew.

    `by` is the act behind it; None where the clock or a run did it.
    """

    transfer: Transfer
    account: Account
    amount: Money
    document: Named | None
    by: AuditRecord | None

    @property
    def other(self) -> Account:
        """The account that it came from or went to."""
        is_debit = self.transfer.debit_account_id == self.account.pk
        return self.transfer.credit_account if is_debit else self.transfer.debit_account


def credit_transfers(customer: Customer) -> QuerySet[Transfer]:
    """What moved on the customer's grants and balance, in every currency, oldest first."""
    accounts = Account.objects.filter(
        project=customer.project_id, party=customer.external_id, code__in=(*GRANT_CODES, BALANCE)
    )
    return transfers_touching(list(accounts.order_by().values_list("pk", flat=True)))


def movements(
    project: Project, transfers: Iterable[Transfer], *, codes: Collection[str] = GRANT_CODES
) -> list[Movement]:
    """Each transfer from its account of these codes, in order, at a constant number of queries; one
    between two such accounts comes twice.
    """
    rows = list(transfers)
    documents = named_documents(project, {row.document for row in rows})
    acts = _acts(project, rows, documents)
    found = []
    for row in rows:
        for account, sign in ((row.debit_account, -1), (row.credit_account, 1)):
            if account.code in codes:
                amount = Money(sign * row.amount_minor, row.currency)
                by = acts.get(row.entry_id)
                found.append(Movement(row, account, amount, documents.get(row.document), by))
    return found


def _acts(
    project: Project, transfers: Sequence[Transfer], documents: dict[str, Named]
) -> dict[int, AuditRecord]:
    """The act behind each entry, by the entry's pk.

    An entry and the record of its act have the thing and the instant in common. Where a thing was
    acted on several times at one instant (a sandbox's clock stands still), they go by their order
    among those of the same amount.
    """
    entries = {row.entry_id: row for row in transfers if row.entry.kind in ACTS}
    objects = {_object(row, documents) for row in entries.values()}
    records = AuditRecord.objects.filter(
        project=project,
        object_type__in=["grant", "customer", "invoice"],
        object_id__in=objects,
        action__in=ACTS.values(),
    ).order_by("id")
    waiting: dict[tuple[object, ...], list[AuditRecord]] = defaultdict(list)
    for record in records if entries else ():
        amount = json.loads(record.details).get("amount", "")
        of_credits = record.action == ACTS["invoice.credits"]
        key = record.action, record.object_id, record.at, "" if of_credits else amount
        waiting[key].append(record)
    found = {}
    for entry_id, row in sorted(entries.items()):
        amount = Money(row.amount_minor, row.currency)
        if row.debit_account.code == BALANCE:
            amount = Money(-row.amount_minor, row.currency)
        of_credits = row.entry.kind == "invoice.credits"
        key = (
            ACTS[row.entry.kind],
            _object(row, documents),
            row.entry.recorded_at,
            "" if of_credits else str(amount),
        )
        if waiting[key]:
            found[entry_id] = waiting[key][0] if of_credits else waiting[key].pop(0)
    return found


def _object(row: Transfer, documents: dict[str, Named]) -> str:
    """How the audit history names what the entry is about."""
    if row.entry.kind == "invoice.credits":
        return documents[row.document].public_id if row.document in documents else ""
    # An adjustment's entry is of the customer and the currency.
    is_balance = row.entry.kind == "balance.adjust"
    return row.entry.object.rpartition("/")[0] if is_balance else row.entry.object
