"""Wallets and grants: what is left of them, what moved, what an invoice may draw on."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Min, Q, QuerySet, Sum

from ledger.drawing import Drawable
from ledger.models import Account, Grant, JournalEntry, Transfer, Wallet
from ledger.selectors.accounts import accounts_by_key
from ledger.selectors.balances import account_sums
from ledger.selectors.journal import transfers_of_documents
from ledger.templates.credits import GrantKey
from ledger.templates.keys import BALANCE, PREPAID, PROMOTIONAL, REFUNDS
from neruba.models import Customer, Project

GRANT_CODES = (PREPAID, PROMOTIONAL)
GRANT_ISSUE = "grant.issue"


def wallets_of(project: Project) -> QuerySet[Wallet]:
    """The project's wallets, oldest first, with their customers."""
    return Wallet.objects.filter(project=project).select_related("customer").order_by("id")


def grants_of(project: Project) -> QuerySet[Grant]:
    """The project's grants, oldest first, with wallets and customers."""
    rows = Grant.objects.filter(project=project).select_related("wallet__customer", "project")
    return rows.order_by("id")


def grant_balances(grants: Collection[Grant], *, at: datetime | None = None) -> dict[int, int]:
    """What is left of each grant by pk, in minor units; with `at`, by entries that occurred before
    it.
    """
    if not grants:
        return {}
    project = next(iter(grants)).project
    keys = {grant.key.account: grant.pk for grant in grants}
    accounts = accounts_by_key(project, keys)
    rows = Account.objects.filter(pk__in=accounts.values())
    if at is None:
        standing = dict(rows.values_list("pk", "balance_minor"))
    else:
        sums = account_sums(rows, at=at)
        standing = {pk: credit - debit for pk, (debit, credit) in sums.items()}
    found = {keys[key]: standing[pk] or 0 for key, pk in accounts.items()}
    return {grant.pk: found.get(grant.pk, 0) for grant in grants}


def balance_of(project: Project, party: str, currency: str) -> int:
    """The customer balance in minor units, as it is kept."""
    rows = Account.objects.filter(project=project, code=BALANCE, currency=currency, party=party)
    return rows.values_list("balance_minor", flat=True).first() or 0


def balances_of(customer: Customer) -> dict[str, int]:
    """The customer balance in minor units by currency, as it is kept; without those at zero."""
    rows = Account.objects.filter(
        project=customer.project_id, code=BALANCE, party=customer.external_id, balance_minor__gt=0
    )
    found = rows.values_list("currency", "balance_minor")
    return {currency: minor for currency, minor in found if minor is not None}


@dataclass(frozen=True, slots=True)
class Funds:
    """What a customer's invoices in one currency may draw on: grants, then the balance."""

    grants: tuple[Drawable, ...] = ()
    balance_minor: int = 0


def funds_of(project: Project, parties: Collection[str]) -> dict[tuple[str, str], Funds]:
    """By customer and currency, what is there to be drawn on; nothing for who has nothing. Three
    queries for any number; the caller holds the customers' locks.
    """
    accounts = Account.objects.filter(
        project=project, party__in=parties, code__in=(*GRANT_CODES, BALANCE), balance_minor__gt=0
    ).order_by()
    left: dict[str, int] = {}
    balances: dict[tuple[str, str], int] = {}
    for code, currency, party, sub, minor in accounts.values_list(
        "code", "currency", "party", "sub", "balance_minor"
    ):
        assert minor is not None
        if code == BALANCE:
            balances[party, currency] = minor
        else:
            left[sub] = minor
    grants: dict[tuple[str, str], list[Drawable]] = defaultdict(list)
    if left:
        rows = grants_of(project).filter(public_id__in=left, frozen_by="", end=Grant.End.NONE)
        for row in rows:
            one = _drawable(row, left[row.public_id])
            grants[one.key.party, one.key.currency].append(one)
    return {
        key: Funds(tuple(grants.get(key, ())), balances.get(key, 0)) for key in {*grants, *balances}
    }


def _drawable(grant: Grant, balance_minor: int) -> Drawable:
    return Drawable(
        key=grant.key,
        balance_minor=balance_minor,
        priority=grant.priority,
        effective_at=grant.effective_at,
        expires_at=grant.expires_at,
        created=grant.pk,
        prices=frozenset(grant.prices),
    )


def grants_due(project: Project, at: datetime) -> QuerySet[Grant]:
    """Grants that expired at or before `at` and whose rest is not written off yet, in order."""
    return grants_of(project).filter(due_at__lte=at).order_by("due_at", "id")


def next_expiry(project: Project, after: datetime | None = None) -> datetime | None:
    """The earliest instant, after `after` if given, at which a grant expires."""
    rows = Grant.objects.filter(project=project, due_at__isnull=False)
    if after is not None:
        rows = rows.filter(due_at__gt=after)
    first: datetime | None = rows.aggregate(first=Min("due_at"))["first"]
    return first


def projects_with_expired_grants(at: datetime) -> list[Project]:
    """Live projects in which a grant has expired at the wall time `at`."""
    rows = Project.objects.filter(mode=Project.Mode.LIVE)
    due = Grant.objects.filter(due_at__lte=at).order_by().values("project")
    return list(rows.filter(pk__in=due).order_by("pk"))


def wallet_transfers(wallet: Wallet) -> QuerySet[Transfer]:
    """Every movement of the wallet's grants, oldest first, with entry and accounts."""
    grants = wallet.grants.values("public_id")
    accounts = Account.objects.filter(
        project=wallet.project_id,
        party=wallet.customer.external_id,
        code__in=GRANT_CODES,
        sub__in=grants,
    )
    pks = list(accounts.order_by().values_list("pk", flat=True))
    return transfers_touching(pks)


def transfers_of_grant(grant: Grant) -> QuerySet[Transfer]:
    """Every movement of the grant, oldest first, with entry and accounts."""
    accounts = accounts_by_key(grant.project, [grant.key.account])
    return transfers_touching(list(accounts.values()))


def transfers_touching(accounts: Sequence[int]) -> QuerySet[Transfer]:
    """What moved on these accounts, oldest first, with entry and accounts."""
    rows = Transfer.objects.filter(Q(debit_account__in=accounts) | Q(credit_account__in=accounts))
    return rows.select_related("entry", "debit_account", "credit_account").order_by("id")


def next_occurrence(project: Project, kind: str, obj: str) -> int:
    """The occurrence of the next entry of this kind and object; the caller holds a lock that
    serialises them.
    """
    return JournalEntry.objects.filter(project=project, kind=kind, object=obj).count() + 1


def drawn_of(project: Project, document: str) -> list[tuple[GrantKey, int]]:
    """What the document has drawn of grants and not given back, in minor units above zero, in the
    order of drawing. A grant that a credit note of it made, and its reversal, are no draws.
    """
    sums: dict[str, int] = {}
    rows = transfers_of_documents(project, [document]).exclude(entry__kind=GRANT_ISSUE)
    rows = rows.exclude(entry__reverses__kind=GRANT_ISSUE)
    for row in rows:
        if row.debit_account.code in GRANT_CODES:
            grant = row.debit_account.sub
            sums[grant] = sums.get(grant, 0) + row.amount_minor
        elif row.credit_account.code in GRANT_CODES and row.credit_account.sub in sums:
            sums[row.credit_account.sub] -= row.amount_minor
    keys = {row.public_id: row.key for row in grants_of(project).filter(public_id__in=sums)}
    return [(keys[grant], minor) for grant, minor in sums.items() if minor > 0]


def scopes_drawn(project: Project, document: str) -> list[tuple[frozenset[str], int]]:
    """What the document has drawn and not given back, in minor units, with the prices that each
    grant is limited to (empty: none), in the order of drawing.
    """
    drawn = drawn_of(project, document)
    rows = grants_of(project).filter(public_id__in=[key.grant for key, _ in drawn])
    scopes = {row.public_id: frozenset(row.prices) for row in rows}
    return [(scopes[key.grant], minor) for key, minor in drawn]


def refunds_promised(project: Project, document: str) -> int:
    """How much of what the document was paid left it again to be refunded, in minor units."""
    return promised_refunds(project, [document]).get(document, 0)


def promised_refunds(project: Project, documents: Collection[str]) -> dict[str, int]:
    """`refunds_promised` of each of these documents that has any; two queries for any number."""
    found: dict[str, int] = defaultdict(int)
    rows = Transfer.objects.filter(project=project, document__in=documents).order_by()
    for side, sign in (("credit", 1), ("debit", -1)):
        on_refunds = rows.filter(**{f"{side}_account__code": REFUNDS}).values_list("document")
        for document, minor in on_refunds.annotate(total=Sum("amount_minor")):
            found[document] += sign * minor
    return {document: minor for document, minor in found.items() if minor}


def wallet_for(customer: Customer, currency: str) -> Wallet | None:
    """The customer's oldest wallet in a currency, or None."""
    return wallets_of(customer.project).filter(customer=customer, currency=currency).first()
