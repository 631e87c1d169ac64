"""Credit that people give: done at once, or asked for where it is above their limit.

What waits for a second person is kept by natural keys and public ids, and is checked anew when it
is approved: only what would be done then, is done.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ledger.errors import BalanceTooLowError
from ledger.models import Grant, Wallet
from ledger.selectors.wallets import balance_of, wallet_for, wallets_of
from ledger.services.wallets import (
    ADJUST,
    ISSUE,
    REVOKE,
    Settle,
    adjust_balance,
    check_grant,
    create_wallet,
    issue_grant,
    revocable,
    revoke_grant,
)
from neruba.actor import Actor
from neruba.errors import InvalidError, NotFoundError
from neruba.locks import lock_customer
from neruba.models import Customer, Project
from neruba.money import Money
from neruba.period import parse_instant, rfc3339
from neruba.services.approvals import exceeds_limit, request_approval
from neruba.services.customers import refuse_erased

WALLET_NAME = "Credits"


@dataclass(frozen=True, slots=True)
class Asked:
    """It is above the actor's limit: the public id of the approval that it waits for."""

    approval: str


@dataclass(frozen=True, slots=True)
class Credit:
    """A credit as it is asked for; without `effective_at` it counts from when it is issued.

    `wallet` is the public id of the wallet; empty for the customer's oldest one in the currency,
    which is made where there is none.
    """

    amount: Money
    kind: str
    priority: int = 50
    effective_at: datetime | None = None
    expires_at: datetime | None = None
    prices: tuple[str, ...] = ()
    reason_code: str = ""
    wallet: str = ""

    def payload(self, customer: str, reason: str) -> dict[str, object]:
        """As it is kept while it waits."""
        return {
            "customer": customer,
            "reason": reason,
            "wallet": self.wallet,
            "amount": self.amount.amount,
            "currency": self.amount.currency,
            "kind": self.kind,
            "priority": self.priority,
            "effective_at": self.effective_at and rfc3339(self.effective_at),
            "expires_at": self.expires_at and rfc3339(self.expires_at),
            "prices": list(self.prices),
            "reason_code": self.reason_code,
        }

    @classmethod
    def read(cls, payload: Mapping[str, Any]) -> "Credit":
        def instant(text: str | None) -> datetime | None:
            return parse_instant(text) if text else None

        return cls(
            amount=Money.parse(payload["amount"], payload["currency"]),
            kind=payload["kind"],
            priority=payload["priority"],
            effective_at=instant(payload["effective_at"]),
            expires_at=instant(payload["expires_at"]),
            prices=tuple(payload["prices"]),
            reason_code=payload["reason_code"],
            wallet=payload["wallet"],
        )


def check_credit(customer: Customer, credit: Credit, *, at: datetime) -> None:
    """Raises InvalidError with a pointer where the credit could not be issued as it is,
    CustomerErasedError.
    """
    refuse_erased(customer)
    wallet = _known_wallet(customer, credit)
    check_grant(
        wallet.currency if wallet is not None else credit.amount.currency,
        credit.amount,
        priority=credit.priority,
        starts=credit.effective_at or at,
        expires_at=credit.expires_at,
        at=at,
    )


def issue_or_ask(
    *, customer: Customer, credit: Credit, reason: str, actor: Actor, at: datetime
) -> Grant | Asked:
    """Issue a credit, or ask for it where it is above the actor's limit; a wallet is made only with
    the grant. Raises what `issue_grant` raises, for what is asked for too.
    """
    check_credit(customer, credit, at=at)
    if exceeds_limit(project=customer.project, actor=actor, amount=credit.amount):
        payload = credit.payload(customer.external_id, reason)
        return _ask(customer.project, ISSUE, payload, credit.amount, reason, actor, at)
    return issue(customer=customer, credit=credit, reason=reason, actor=actor, at=at)


def issue(*, customer: Customer, credit: Credit, reason: str, actor: Actor, at: datetime) -> Grant:
    """Issue a credit, whatever its amount. Raises what `issue_grant` raises, NotFoundError for a
    wallet that is not the customer's.
    """
    check_credit(customer, credit, at=at)
    currency = credit.amount.currency
    wallet = _known_wallet(customer, credit)
    if wallet is None:
        wallet = create_wallet(customer=customer, name=WALLET_NAME, currency=currency, at=at)
    return issue_grant(
        wallet=wallet,
        kind=credit.kind,
        amount=credit.amount,
        reason=reason,
        actor=actor,
        at=at,
        priority=credit.priority,
        effective_at=credit.effective_at,
        expires_at=credit.expires_at,
        prices=credit.prices,
        reason_code=credit.reason_code,
    )


def _known_wallet(customer: Customer, credit: Credit) -> Wallet | None:
    if not credit.wallet:
        return wallet_for(customer, credit.amount.currency)
    rows = wallets_of(customer.project).filter(customer=customer, public_id=credit.wallet)
    wallet = rows.first()
    if wallet is None:
        raise NotFoundError("The customer has no such wallet.")
    return wallet


def revoke_or_ask(
    *,
    grant: Grant,
    amount: Money | None,
    reason: str,
    actor: Actor,
    at: datetime,
    settle: Settle = "balance",
    reason_code: str = "",
) -> Money | Asked:
    """Take back a grant in part or whole; return how much. What is to be paid out as a refund waits
    for a second person where it is above the actor's limit.
    """
    if settle == "refund" and grant.kind == Grant.Kind.PAID:
        lock_customer(grant.wallet.customer)  # so that what is left now is what is taken
        taken = revocable(grant, amount, at=at)
        if exceeds_limit(project=grant.project, actor=actor, amount=taken):
            payload = {
                "customer": grant.wallet.customer.external_id,
                "grant": grant.public_id,
                "amount": amount.amount if amount is not None else None,
                "at_most": taken.amount,
                "currency": grant.currency,
                "settle": settle,
                "reason": reason,
                "reason_code": reason_code,
            }
            return _ask(grant.project, REVOKE, payload, taken, reason, actor, at)
    return revoke_grant(
        grant=grant,
        amount=amount,
        reason=reason,
        actor=actor,
        at=at,
        settle=settle,
        reason_code=reason_code,
    )


def adjust_or_ask(
    *,
    customer: Customer,
    amount: Money,
    reason: str,
    actor: Actor,
    at: datetime,
    reason_code: str = "",
) -> Asked | None:
    """Adjust the customer balance. What gives above the actor's limit is asked for; taking back
    never is.
    """
    check_adjustment(customer, amount)
    if amount.minor > 0 and exceeds_limit(project=customer.project, actor=actor, amount=amount):
        payload = {
            "customer": customer.external_id,
            "amount": amount.amount,
            "currency": amount.currency,
            "reason_code": reason_code,
            "reason": reason,
        }
        return _ask(customer.project, ADJUST, payload, amount, reason, actor, at)
    adjust_balance(
        customer=customer,
        amount=amount,
        reason=reason,
        actor=actor,
        at=at,
        reason_code=reason_code,
    )
    return None


def _ask(  # noqa: PLR0917 - what an approval is made of, in its order
    project: Project,
    operation: str,
    payload: Mapping[str, object],
    amount: Money,
    reason: str,
    actor: Actor,
    at: datetime,
) -> Asked:
    approval = request_approval(
        project=project,
        operation=operation,
        payload=payload,
        amount=amount,
        reason=reason,
        actor=actor,
        at=at,
    )
    return Asked(approval.public_id)


def check_adjustment(customer: Customer, amount: Money) -> None:
    """Raises what `adjust_balance` would raise now: InvalidError, BalanceTooLowError,
    CustomerErasedError.
    """
    if not amount:
        raise InvalidError("An adjustment moves something.", pointer="/amount")
    if amount.minor > 0:
        refuse_erased(customer)
        return
    stands = balance_of(customer.project, customer.external_id, amount.currency)
    if stands + amount.minor < 0:
        has = Money(stands, amount.currency)
        raise BalanceTooLowError(f"The balance is {has}; {-amount} cannot be taken back.")
