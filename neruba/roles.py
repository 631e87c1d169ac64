"""Roles of operators: what each may do in the console and through the API.

Pure. The one table that groups, permissions, scopes and the page of rights are made from.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from fnmatch import fnmatchcase

from neruba.money import Money


class Role(StrEnum):
    """What a membership makes of an operator in one project."""

    OWNER = "owner"
    ADMIN = "admin"
    FINANCE = "finance"
    SUPPORT = "support"
    DEVELOPER = "developer"
    AUDITOR = "auditor"


@dataclass(frozen=True, slots=True)
class Rights:
    """`scopes` are those of the API; `permissions` are patterns of Django's names, `app.code`.

    `limit` is how much money an operator of the role may give away in one act, in major units of
    whatever currency; above it a second person approves. None: any amount.
    """

    words: str
    scopes: frozenset[str]
    permissions: tuple[str, ...]
    limit: Decimal | None = Decimal(0)

    def covers(self, amount: Money) -> bool:
        """Whether the amount, of either sign, lies within the limit."""
        return self.limit is None or abs(Decimal(amount.amount)) <= self.limit


READ_BILLING = (
    "billing.view_*",
    "ingest.view_*",
    "neruba.view_project",
    "neruba.view_customer",
    "neruba.view_historicalcustomer",
    "neruba.view_subject",
    "neruba.view_taxrate",
    "ledger.view_wallet",
    "ledger.view_grant",
    "payments.view_payment",
)
READ_WORK = ("neruba.view_apikey", "neruba.view_lease", "neruba.view_outboxmessage")
READ_BOOKS = ("ledger.view_*", "payments.view_*", "neruba.view_auditrecord")
MEND_EVENTS = ("ingest.resubmit_failedevent", "ingest.discard_failedevent")
MEND_PAYMENTS = (
    "payments.change_providereventwork",
    "payments.add_providertransaction",  # fetch what Stripe booked
)
GIVE_CREDIT = ("ledger.add_grant", "ledger.change_grant")
CORRECT = (
    *("billing.add_creditnote", "billing.change_creditnote", "payments.add_payment"),
    "payments.change_payment",  # match a receipt to its customer
    *("billing.void_invoice", "billing.write_off_invoice", "billing.recover_invoice"),
)
SET_TAXES = ("neruba.add_taxrate", "neruba.change_taxrate")  # those that a customer carries
REDEEM = ("billing.redeem_coupon",)
DISCOUNT = (*REDEEM, "billing.add_coupon", "billing.end_coupon", "billing.end_redemption")
# What customers ask for of their subscriptions, from now on.
SERVE = tuple(
    f"billing.{act}_subscription"
    for act in ("set_quantity", "pause", "resume", "cancel", "withdraw")
)
# With what is agreed anew, and what reaches back into what was billed.
CHANGE_SUBSCRIPTIONS = SERVE + tuple(
    f"billing.{act}_subscription"
    for act in (
        *("change_plan", "add_price", "remove_price", "end_trial", "set_timezone"),
        "backdate",
    )
)
ASK = ("neruba.view_approval", "neruba.add_approval")
APPROVE = (*ASK, "neruba.change_approval")
RUN_BILLING = ("billing.add_billingrun", "billing.change_billingrun")
SELL = ("billing.add_planversion",)
# What belongs to the installation, not to a project.
PLATFORM = (
    *("neruba.*_user", "neruba.*_operatortoken", "neruba.*_heartbeat", "neruba.*_invariantcheck"),
    *("auth.*", "admin.*", "contenttypes.*", "sessions.*", "axes.*"),
)
READ_SCOPES = frozenset({"usage:read", "billing:read"})

ROLES: dict[Role, Rights] = {
    Role.OWNER: Rights(
        "everything in the project; makes and unmakes owners",
        frozenset({"admin"}),
        ("*",),
        limit=None,
    ),
    Role.ADMIN: Rights(
        "everything in the project but its owners",
        frozenset({"admin"}),
        ("*",),
        limit=None,
    ),
    Role.FINANCE: Rights(
        "bills, runs and corrects; reads usage, books and audit",
        READ_SCOPES | {"billing:write", "credits:write", "payments:write", "ledger:read"},
        (
            *READ_BILLING,
            *READ_BOOKS,
            *RUN_BILLING,
            *SELL,
            *MEND_PAYMENTS,
            *APPROVE,
            *GIVE_CREDIT,
            *CORRECT,
            *DISCOUNT,
            *SET_TAXES,
            *CHANGE_SUBSCRIPTIONS,
            "neruba.change_customer",
        ),
        limit=Decimal(5000),
    ),
    Role.SUPPORT: Rights(
        "helps customers: reads usage and invoices, corrects details, issues credits",
        READ_SCOPES | {"credits:write"},
        (
            *READ_BILLING,
            *MEND_EVENTS,
            *ASK,
            *GIVE_CREDIT,
            *REDEEM,
            *SERVE,
            "neruba.change_customer",
        ),
        limit=Decimal(100),
    ),
    Role.DEVELOPER: Rights(
        "sends and mends usage; reads catalogue, invoices and background work",
        READ_SCOPES | {"usage:write"},
        (*READ_BILLING, *READ_WORK, *MEND_EVENTS, "neruba.change_outboxmessage"),
    ),
    Role.AUDITOR: Rights(
        "reads everything, with the books and the audit history; changes nothing",
        READ_SCOPES | {"ledger:read"},
        (*READ_BILLING, *READ_WORK, *READ_BOOKS, "neruba.view_*"),
    ),
}


def granted(role: Role, permissions: Iterable[str]) -> set[str]:
    """Those of `permissions` (`app.code`) that the role has."""
    mine = ROLES[role].permissions
    return {
        name
        for name in permissions
        if any(fnmatchcase(name, pattern) for pattern in mine) and not is_of_platform(name)
    }


def is_of_platform(permission: str) -> bool:
    """Whether it is about the installation, which no role opens."""
    return any(fnmatchcase(permission, pattern) for pattern in PLATFORM)


def may_set(actor: Role, *, before: Role | None, after: Role | None) -> bool:
    """Whether `actor` may turn a membership of `before` into one of `after`; None is no membership.

    Owners and admins decide on members; what concerns an owner, only owners do.
    """
    if actor == Role.OWNER:
        return True
    return actor == Role.ADMIN and Role.OWNER not in (before, after)
