"""Wallets, grants, the customer balance: issued, revoked, expired, adjusted, each with its posting.

Whatever touches a customer's credits locks the customer first, so that what it reads stands until
it commits.
"""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from functools import partial
from typing import Literal

from ledger.errors import GrantEndedError, GrantFrozenError
from ledger.locks import lock_grant
from ledger.models import Grant, Wallet
from ledger.selectors.wallets import grant_balances, grants_due, grants_of, next_occurrence
from ledger.services.journal import post_entry
from ledger.templates import Move, OperationKey
from ledger.templates.credits import (
    adjusted_moves,
    expired_moves,
    granted_moves,
    revoked_moves,
)
from neruba.actor import SYSTEM, Actor
from neruba.edge import run_atomic
from neruba.errors import ConflictError, InvalidError
from neruba.ids import new_id
from neruba.locks import lock_customer
from neruba.models import Customer, Project
from neruba.money import Money
from neruba.services.audit import record
from neruba.services.customers import refuse_erased

ISSUE, REVOKE, EXPIRE, ADJUST = "grant.issue", "grant.revoke", "grant.expire", "balance.adjust"
MAX_PRIORITY = 255
Settle = Literal["balance", "refund"]


def create_wallet(*, customer: Customer, name: str, currency: str, at: datetime) -> Wallet:
    """Make a wallet of a customer in one currency. Raises CustomerErasedError."""
    lock_customer(customer)
    refuse_erased(customer)
    return Wallet.objects.create(
        project=customer.project,
        public_id=new_id("wal"),
        customer=customer,
        name=name,
        currency=currency,
        created_at=at,
    )


def issue_grant(
    *,
    wallet: Wallet,
    kind: str,
    amount: Money,
    reason: str,
    actor: Actor,
    at: datetime,
    priority: int = 50,
    effective_at: datetime | None = None,
    expires_at: datetime | None = None,
    prices: Sequence[str] = (),
    reason_code: str = "",
    origin: str = "",
    moves: Callable[[Grant], tuple[Move, ...]] | None = None,
) -> Grant:
    """Issue a credit, which pays for invoices from `effective_at` (left out: now) until just before
    `expires_at`; `prices` limits it to the lines of these prices.

    A paid grant states money that came in already; `moves` says otherwise (a pack that was sold).
    Raises InvalidError with a pointer, CustomerErasedError.
    """
    starts = effective_at or at
    check_grant(
        wallet.currency, amount, priority=priority, starts=starts, expires_at=expires_at, at=at
    )
    lock_customer(wallet.customer)
    refuse_erased(wallet.customer)
    grant = Grant.objects.create(
        project=wallet.project,
        public_id=new_id("grt"),
        wallet=wallet,
        kind=kind,
        amount_minor=amount.minor,
        priority=priority,
        effective_at=starts,
        expires_at=expires_at,
        prices=sorted(set(prices)),
        reason_code=reason_code,
        reason=reason,
        granted_by=actor.name,
        origin=origin,
        created_at=at,
        due_at=expires_at,
    )
    posted = moves(grant) if moves is not None else granted_moves(grant.key, amount.minor)
    _post(grant, ISSUE, 1, posted, occurred_at=at, at=at)
    _note(grant, "grant.issued", amount, actor=actor, at=at, reason=reason, code=reason_code)
    return grant


def check_grant(
    currency: str,
    amount: Money,
    *,
    priority: int,
    starts: datetime,
    expires_at: datetime | None,
    at: datetime,
) -> None:
    """Raises InvalidError with a pointer for a grant that a wallet of this currency cannot hold."""
    if amount.currency != currency:
        raise InvalidError(f"The wallet holds {currency}.", pointer="/currency")
    if amount.minor <= 0:
        raise InvalidError("The amount must be above zero.", pointer="/amount")
    if not 0 <= priority <= MAX_PRIORITY:
        raise InvalidError(f"A priority is 0 to {MAX_PRIORITY}.", pointer="/priority")
    if expires_at is not None and expires_at <= max(starts, at):
        raise InvalidError(
            "A grant expires after it becomes effective, and after now.", pointer="/expires_at"
        )


def revoke_grant(
    *,
    grant: Grant,
    amount: Money | None,
    reason: str,
    actor: Actor,
    at: datetime,
    settle: Settle = "balance",
    reason_code: str = "",
) -> Money:
    """Take back what is left of a grant, or an amount of it, never what was used; return how much.

    Prepaid money goes to the customer balance, or is to be refunded. Without an amount the grant
    ends; what is returned to it later leaves the same way, and to ask for it again takes nothing.
    Raises ConflictError for an amount above what is left and where nothing is, GrantEndedError,
    GrantFrozenError.
    """
    lock_customer(grant.wallet.customer)
    grant = lock_grant(grant.pk)
    taken = revocable(grant, amount, at=at)
    if not taken:
        return taken
    moves = revoked_moves(grant.key, taken.minor, settle=settle)
    _post_next(grant, REVOKE, moves, at=at)
    if amount is None:
        grant.end, grant.due_at, grant.settle = Grant.End.REVOKED, None, settle
        grant.save(update_fields=["end", "due_at", "settle"])
    _note(grant, "grant.revoked", taken, actor=actor, at=at, reason=reason, code=reason_code)
    return taken


def revocable(grant: Grant, amount: Money | None, *, at: datetime) -> Money:
    """How much would be taken back of a grant, as it stands now; zero for the whole of one that was
    revoked. Raises as `revoke_grant`.
    """
    if amount is not None and amount.minor <= 0:
        raise InvalidError("The amount must be above zero.", pointer="/amount")
    if grant.end == Grant.End.REVOKED and amount is None:
        return Money(0, grant.currency)
    _refuse_ended(grant, at)
    left = Money(grant_balances([grant])[grant.pk], grant.currency)
    taken = left if amount is None else amount
    if taken.currency != left.currency:
        raise InvalidError(f"The grant is in {left.currency}.", pointer="/amount")
    if not left:
        raise ConflictError("This grant is used up: nothing is left to take back.")
    if taken > left:
        raise ConflictError(f"{left} is left of this grant; {taken} cannot be taken back.")
    return taken


def _refuse_ended(grant: Grant, at: datetime) -> None:
    if grant.end == Grant.End.REVOKED:
        raise GrantEndedError("This grant was revoked before.")
    if grant.end or (grant.expires_at is not None and grant.expires_at <= at):
        raise GrantEndedError("This grant has expired.")
    if grant.frozen_by:
        raise GrantFrozenError(
            f"Dispute {grant.frozen_by} freezes this grant until it is won or lost."
        )


def expire_grants(project: Project, at: datetime, go_on: Callable[[], bool]) -> bool:
    """Write off the rest of the grants that expired at or before `at`, each in a transaction of its
    own; False where `go_on()` stopped it.
    """
    for pk in list(grants_due(project, at).values_list("pk", flat=True)):
        if not go_on():
            return False
        run_atomic(partial(_expire, pk, at))
    return True


def _expire(pk: int, at: datetime) -> None:
    grant = Grant.objects.select_related("wallet__customer").get(pk=pk)
    lock_customer(grant.wallet.customer)
    grant = lock_grant(pk)
    if grant.due_at is None or grant.due_at > at:
        return
    expired_at, grant.end, grant.due_at = grant.due_at, Grant.End.EXPIRED, None
    grant.save(update_fields=["end", "due_at"])
    rest = grant_balances([grant])[pk]
    if rest:
        moves = expired_moves(grant.key, rest)
        _post_next(grant, EXPIRE, moves, at=at, occurred_at=expired_at)
    _note(grant, "grant.expired", Money(rest, grant.currency), actor=SYSTEM, at=at)


def close_grant(grant: Grant) -> None:
    """A grant whose issue was taken back: nothing is left of it, and nothing comes back to it."""
    grant.end, grant.due_at = Grant.End.REVOKED, None
    grant.save(update_fields=["end", "due_at"])


def clear_ended(*, project: Project, grants: Collection[str], at: datetime) -> None:
    """What came back to those of these grants (public ids) that have ended leaves them the way
    their rest did; the caller holds the customer's lock.
    """
    _clear_ended(list(grants_of(project).filter(public_id__in=grants)), at)


def _clear_ended(grants: Sequence[Grant], at: datetime) -> None:
    balances = grant_balances(grants)
    for grant in grants:
        rest = balances[grant.pk]
        if not rest or not grant.end:
            continue
        if grant.end == Grant.End.EXPIRED:
            _post_next(grant, EXPIRE, expired_moves(grant.key, rest), at=at)
        else:
            settle: Settle = "refund" if grant.settle == "refund" else "balance"
            moves = revoked_moves(grant.key, rest, settle=settle)
            _post_next(grant, REVOKE, moves, at=at)


def adjust_balance(
    *,
    customer: Customer,
    amount: Money,
    reason: str,
    actor: Actor,
    at: datetime,
    reason_code: str = "",
) -> None:
    """Give the customer balance an amount, or (below zero) take it back, never below what stands.

    Raises BalanceTooLowError, InvalidError for zero.
    """
    if not amount:
        raise InvalidError("An adjustment moves something.", pointer="/amount")
    lock_customer(customer)
    if amount.minor > 0:
        refuse_erased(customer)
    name = f"{customer.external_id}/{amount.currency}"
    post_entry(
        project=customer.project,
        key=OperationKey(ADJUST, name, next_occurrence(customer.project, ADJUST, name)),
        moves=adjusted_moves(amount.minor, currency=amount.currency, party=customer.external_id),
        occurred_at=at,
        at=at,
    )
    record(
        project=customer.project,
        actor=actor,
        action="balance.adjusted",
        on=("customer", customer.external_id),
        at=at,
        reason=reason,
        details={"amount": str(amount), "reason_code": reason_code},
    )


def _post_next(
    grant: Grant,
    kind: str,
    moves: tuple[Move, ...],
    *,
    at: datetime,
    occurred_at: datetime | None = None,
) -> None:
    occurrence = next_occurrence(grant.project, kind, grant.public_id)
    _post(grant, kind, occurrence, moves, occurred_at=occurred_at or at, at=at)


def _post(
    grant: Grant,
    kind: str,
    occurrence: int,
    moves: tuple[Move, ...],
    *,
    occurred_at: datetime,
    at: datetime,
) -> None:
    post_entry(
        project=grant.project,
        key=OperationKey(kind, grant.public_id, occurrence),
        moves=moves,
        occurred_at=occurred_at,
        at=at,
    )


def _note(
    grant: Grant,
    action: str,
    amount: Money,
    *,
    actor: Actor,
    at: datetime,
    reason: str = "",
    code: str = "",
) -> None:
    record(
        project=grant.project,
        actor=actor,
        action=action,
        on=("grant", grant.public_id),
        at=at,
        reason=reason,
        details={
            "customer": grant.wallet.customer.external_id,
            "wallet": grant.wallet.public_id,
            "kind": grant.kind,
            "amount": str(amount),
            "reason_code": code,
        },
    )
