"""What a customer's page says of credit: what can be spent, what moved, who did it and why."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q
from django.http import HttpRequest

from ledger.admin.credit_tables import grant_table, movement_table
from ledger.models import Grant
from ledger.selectors.holdings import Means, WalletHolding, means_of, wallets_held
from ledger.selectors.movements import credit_transfers, movements
from ledger.services.asked import KINDS
from ledger.templates.keys import BALANCE, PREPAID, PROMOTIONAL
from neruba.admin.page import Headline, Table, code, instant, link_to, list_of, money, whole
from neruba.models import Approval, AuditRecord, Customer
from neruba.money import Money

ROWS_SHOWN = 10
GRANTS_SHOWN = 20
GRANTS_READ = 200
APPROVALS_READ = 200
TITLES = {kind.operation: kind.title for kind in KINDS}
OPERATIONS = tuple(TITLES)
ACTED = (
    *("grant.issued", "grant.revoked", "grant.expired", "balance.adjusted"),
    *("approval.requested", "approval.approved"),
)


@dataclass(frozen=True, slots=True)
class CreditPanel:
    headlines: Sequence[Headline] = ()
    tables: Sequence[Table] = ()


def credit_panel(request: HttpRequest, customer: Customer, now: datetime) -> CreditPanel:
    """What can be spent by currency; wallets, grants with something left, the last movements, and
    who did what and why.
    """
    held = wallets_held(customer, now=now)
    headlines = [_headline(one) for one in means_of(customer, held)]
    return CreditPanel(headlines, _tables(request, customer, held))


def _headline(one: Means) -> Headline:
    spendable = one.spendable_minor + one.balance_minor
    parts = [f"{money(Money(one.spendable_minor, one.currency))} of credits"]
    if one.balance_minor:
        parts.append(f"{money(Money(one.balance_minor, one.currency))} of balance")
    if one.later_minor:
        parts.append(f"{money(Money(one.later_minor, one.currency))} not yet or frozen")
    return Headline(
        f"Can be spent, {one.currency}",
        money(Money(spendable, one.currency)),
        ", ".join(parts),
    )


def _tables(request: HttpRequest, customer: Customer, held: Sequence[WalletHolding]) -> list[Table]:
    moved = list(credit_transfers(customer).order_by("-id")[:ROWS_SHOWN])
    grants = [holding for one in held for holding in one.holdings]
    return [
        _wallet_table(held),
        grant_table(
            "Credits that are left",
            grants[:GRANTS_SHOWN],
            empty="Nothing is left. “Issue credit” above gives some; it shows what it does first.",
            more=list_of(Grant, "all of them", wallet__customer__id__exact=customer.pk),
            anchor="credits",
        ),
        movement_table(
            request,
            "Movements of credits and balance, the latest first",
            movements(customer.project, moved, codes=(PREPAID, PROMOTIONAL, BALANCE)),
            empty="Nothing was given, drawn or taken back yet.",
            anchor="movements",
        ),
        _waiting(request, customer),
        _story(customer),
    ]


def _wallet_table(found: Sequence[WalletHolding]) -> Table:
    return Table(
        title="Wallets",
        columns=("Wallet", "Id", "Grants left", "Can be spent", "Balance"),
        rows=[
            (
                link_to(one.wallet),
                code(one.wallet.public_id),
                len(one.holdings),
                money(Money(one.spendable_minor, one.wallet.currency)),
                money(Money(one.balance_minor, one.wallet.currency)),
            )
            for one in found
        ],
        empty="No wallet yet: the first credit makes one.",
        numeric=("Grants left", "Can be spent", "Balance"),
        anchor="wallets",
    )


def _waiting(request: HttpRequest, customer: Customer) -> Table:
    """What of this customer's waits for a second person."""
    open_ones = Approval.objects.filter(
        project=customer.project, state=Approval.State.REQUESTED, operation__in=OPERATIONS
    ).order_by("id")[:APPROVALS_READ]
    mine = [one for one in open_ones if _customer_of(one) == customer.external_id]
    sees_them = request.user.has_perm("neruba.view_approval")
    return Table(
        title="Waits for a second person",
        columns=("Asked", "By", "What", "Amount", "Why"),
        rows=[
            (
                whole(instant(one.asked_at)),
                one.asked_by,
                link_to(one, TITLES[one.operation]) if sees_them else TITLES[one.operation],
                money(Money(one.amount_minor, one.currency)),
                one.reason,
            )
            for one in mine
        ],
        empty="Nothing waits.",
        numeric=("Amount",),
        anchor="waiting",
    )


def _customer_of(approval: Approval) -> str:
    external_id: str = json.loads(approval.payload).get("customer", "")
    return external_id


def _story(customer: Customer) -> Table:
    """Who gave, took back and adjusted, who approved it, and why."""
    latest = Grant.objects.filter(wallet__customer=customer).order_by("-id")
    grants = list(latest.values_list("public_id", flat=True)[:GRANTS_READ])
    of_grants = Q(object_type="grant", object_id__in=grants)
    of_balance = Q(object_type="customer", object_id=customer.external_id)
    made = Approval.objects.filter(
        project=customer.project,
        operation__in=OPERATIONS,
        state=Approval.State.APPROVED,
        result__in=[*grants, customer.external_id],
    )
    approvals = list(made.order_by("-id").values_list("public_id", flat=True)[:ROWS_SHOWN])
    of_approvals = Q(object_type="approval", object_id__in=approvals)
    records = AuditRecord.objects.filter(
        of_grants | of_balance | of_approvals, project=customer.project, action__in=ACTED
    ).order_by("-id")[:ROWS_SHOWN]
    return Table(
        title="Who did what, and why",
        columns=("When", "Who", "What", "Amount", "Why"),
        rows=[
            (
                whole(instant(one.at)),
                one.actor,
                one.action,
                _amount_of(one),
                one.reason,
            )
            for one in records
        ],
        empty="Nobody gave or took back anything yet.",
        numeric=("Amount",),
        anchor="story",
    )


def _amount_of(record: AuditRecord) -> str:
    """The amount that the act was about; the audit keeps it as plain text, "2000.00 EUR"."""
    amount, _, currency = json.loads(record.details).get("amount", "").partition(" ")
    return money(Money.parse(amount, currency)) if currency else ""
