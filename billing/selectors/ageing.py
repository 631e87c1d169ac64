"""The ageing of receivables: what the books say is owed, by when the documents are due."""

from collections.abc import Collection, Iterator
from datetime import date, datetime, timedelta
from itertools import islice

from billing.ageing import Ageing, Owed, Owner, aged
from billing.models import Invoice
from ledger.selectors.balances import trial_balance
from ledger.selectors.receivables import balances_by_customer, open_documents, unapplied_receipts
from ledger.templates.keys import RECEIVABLE
from neruba.models import Project
from neruba.period import local_date
from neruba.snapshot import snapshot

DOCUMENTS_A_READ = 500
# What the ledger's name of an invoice begins with.
DOCUMENT = Invoice(operation_key="").document


def receivables_ageing(
    project: Project, *, at: datetime, currency: str | None = None, customer: str | None = None
) -> Ageing:
    """What was owed at the instant `at`, of entries that occurred before it; minor units.

    Days are those of the project's time zone: the report stands at the end of the last day of which
    something counts. Queries do not grow with what is settled: one finds the open documents, one
    for every DOCUMENTS_A_READ of them their due dates. All of it is read at one moment.
    """
    with snapshot():
        found = open_documents(project, at=at, currency=currency, party=customer)
        due = _due_days(project, [one.document for one in found])
        unapplied = unapplied_receipts(project, at=at, currency=currency, party=customer)
        found_by_customer = balances_by_customer(
            project, RECEIVABLE, at=at, currency=currency, party=customer
        )
        accounts = {Owner(*owner): minor for owner, minor in found_by_customer.items()}
        if customer is None:
            booked = _trial_balances(project, at=at, currency=currency)
        else:
            booked = {owner.currency: minor for owner, minor in accounts.items()}
    return aged(
        (Owed(*one, due.get(one.document)) for one in found),
        as_of=last_day(at, project.timezone),
        unapplied={Owner(*owner): minor for owner, minor in unapplied.items()},
        accounts=accounts,
        booked=booked,
    )


def last_day(at: datetime, zone: str) -> date:
    """The last local day of which an instant before `at` is."""
    return local_date(at - timedelta(microseconds=1), zone)


def _trial_balances(project: Project, *, at: datetime, currency: str | None) -> dict[str, int]:
    """Accounts receivable by currency."""
    return {
        row.currency: row.balance_minor
        for row in trial_balance(project, at=at, currency=currency)
        if row.account.code == RECEIVABLE
    }


def _due_days(project: Project, documents: Collection[str]) -> dict[str, date]:
    """By when each document that is an invoice is to be paid."""
    found: dict[str, date] = {}
    names = iter(sorted({one for one in documents if one.startswith(DOCUMENT)}))
    for some in _parts(names):
        keys = [name.removeprefix(DOCUMENT) for name in some]
        rows = Invoice.objects.filter(project=project, operation_key__in=keys).order_by()
        due = rows.exclude(payment_due_at=None).values_list("operation_key", "payment_due_at")
        for key, at in due:
            assert at is not None
            found[f"{DOCUMENT}{key}"] = local_date(at, project.timezone)
    return found


def _parts(names: Iterator[str]) -> Iterator[list[str]]:
    while part := list(islice(names, DOCUMENTS_A_READ)):
        yield part
