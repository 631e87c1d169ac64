"""What customers owe by document, and what stands on accounts by customer, in minor units."""

from collections import defaultdict
from datetime import datetime
from typing import NamedTuple

from django.db import connection
from django.db.models import Sum

from ledger.models import Account, JournalEntry, Transfer
from ledger.selectors.balances import UNAPPLIED
from ledger.templates.keys import RECEIVABLE
from neruba.models import Project
from neruba.reads import streamed


class OpenDocument(NamedTuple):
    """A document that is not settled: what is receivable of it, or below zero what was credited or
    paid too much; '' where the transfers name none.
    """

    party: str
    currency: str
    document: str
    minor: int


class Owner(NamedTuple):
    """Whose account, in which currency; '' is a customer who is not known."""

    party: str
    currency: str


_SIDE = """
SELECT a.party, a.currency, t.document, {sign}t.amount_minor AS minor
FROM {account} a JOIN {transfer} t ON t.{side}_account_id = a.id
JOIN {entry} e ON e.id = t.entry_id
WHERE a.project_id = %s AND a.code = %s AND e.occurred_at < %s{wanted}
"""
_OPEN = """
SELECT party, currency, document, SUM(minor) FROM ({debits} UNION ALL {credits}) moved
GROUP BY party, currency, document HAVING SUM(minor) <> 0
"""


def open_documents(
    project: Project, *, at: datetime, currency: str | None = None, party: str | None = None
) -> list[OpenDocument]:
    """The documents whose receivable is not zero, of entries that occurred before `at`, in the
    order of customer, currency and document.

    One query; the database leaves out what is settled, so that the rows are as many as are open.
    """
    wanted, values = "", [project.pk, RECEIVABLE, _stored(at)]
    for column, value in (("currency", currency), ("party", party)):
        if value is not None:
            wanted += f" AND a.{column} = %s"
            values.append(value)
    tables = {
        "account": Account._meta.db_table,
        "transfer": Transfer._meta.db_table,
        "entry": JournalEntry._meta.db_table,
        "wanted": wanted,
    }
    query = _OPEN.format(
        debits=_SIDE.format(side="debit", sign="", **tables),
        credits=_SIDE.format(side="credit", sign="-", **tables),
    )
    found = [
        OpenDocument(owner, unit, document, int(minor))
        for rows in streamed(query, [*values, *values])
        for owner, unit, document, minor in rows
    ]
    return sorted(found)


def _stored(at: datetime) -> object:
    """The instant as the database compares it."""
    return connection.ops.adapt_datetimefield_value(at)


def balances_by_customer(
    project: Project,
    code: str,
    *,
    at: datetime,
    currency: str | None = None,
    party: str | None = None,
) -> dict[Owner, int]:
    """Debits less credits on the accounts of a code, of entries that occurred before `at`; without
    those at zero. Two queries.
    """
    rows = Transfer.objects.filter(project=project, entry__occurred_at__lt=at).order_by()
    sums: dict[Owner, int] = defaultdict(int)
    for side, sign in (("debit", 1), ("credit", -1)):
        wanted = {f"{side}_account__code": code}
        if currency is not None:
            wanted[f"{side}_account__currency"] = currency
        if party is not None:
            wanted[f"{side}_account__party"] = party
        grouped = rows.filter(**wanted).values_list(
            f"{side}_account__party", f"{side}_account__currency"
        )
        for owner, unit, total in grouped.annotate(total=Sum("amount_minor")):
            sums[Owner(owner, unit)] += sign * total
    return {owner: minor for owner, minor in sums.items() if minor}


def unapplied_receipts(
    project: Project, *, at: datetime, currency: str | None = None, party: str | None = None
) -> dict[Owner, int]:
    """What came in and is matched to nothing yet (2050), positive, of entries before `at`."""
    found = balances_by_customer(project, UNAPPLIED, at=at, currency=currency, party=party)
    return {owner: -minor for owner, minor in found.items()}
