"""What the ledger's people ask for, once a second person has approved it: checked anew, and done as
if the asker did it.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ledger.reasons import REASONS
from ledger.selectors.wallets import grant_balances, grants_of
from ledger.services.giving import Credit, issue
from ledger.services.wallets import ADJUST, ISSUE, REVOKE, adjust_balance, revoke_grant
from neruba.actor import Actor
from neruba.approvals import ApprovalKind
from neruba.errors import ConflictError, NotFoundError
from neruba.locks import lock_customer
from neruba.models import Customer, Project
from neruba.money import Money

Payload = Mapping[str, Any]
Summary = list[tuple[str, str]]


def _customer(project: Project, payload: Payload) -> Customer:
    rows = Customer.objects.filter(project=project).select_related("project")
    customer = rows.filter(external_id=payload["customer"]).first()
    if customer is None:
        raise NotFoundError("There is no such customer any more.")
    return customer


def _issue(project: Project, payload: Payload, actor: Actor, at: datetime) -> str:
    credit = Credit.read(payload)
    customer, reason = _customer(project, payload), payload["reason"]
    return issue(customer=customer, credit=credit, reason=reason, actor=actor, at=at).public_id


def _revoke(project: Project, payload: Payload, actor: Actor, at: datetime) -> str:
    grant = grants_of(project).filter(public_id=payload["grant"]).first()
    if grant is None:
        raise NotFoundError("There is no such grant any more.")
    amount = payload["amount"]
    lock_customer(grant.wallet.customer)
    left = Money(grant_balances([grant])[grant.pk], grant.currency)
    if amount is None and left > Money.parse(payload["at_most"], payload["currency"]):
        raise ConflictError(f"{left} is left of it now, more than was asked for: ask again.")
    revoke_grant(
        grant=grant,
        amount=None if amount is None else Money.parse(amount, payload["currency"]),
        reason=payload["reason"],
        actor=actor,
        at=at,
        settle="refund" if payload["settle"] == "refund" else "balance",
        reason_code=payload["reason_code"],
    )
    return grant.public_id


def _adjust(project: Project, payload: Payload, actor: Actor, at: datetime) -> str:
    adjust_balance(
        customer=_customer(project, payload),
        amount=Money.parse(payload["amount"], payload["currency"]),
        reason=payload["reason"],
        actor=actor,
        at=at,
        reason_code=payload["reason_code"],
    )
    external_id: str = payload["customer"]
    return external_id


def _of_credit(_project: Project, payload: Payload) -> Summary:
    return [
        ("Customer", payload["customer"]),
        ("Amount", f"{payload['amount']} {payload['currency']}"),
        ("Kind", "prepaid" if payload["kind"] == "paid" else "promotional"),
        ("Priority", str(payload["priority"])),
        ("Effective", payload["effective_at"] or "when it is approved"),
        ("Expires", payload["expires_at"] or "never"),
        ("Pays", ", ".join(payload["prices"]) or "every line"),
        _why(payload),
    ]


def _of_revocation(_project: Project, payload: Payload) -> Summary:
    amount = payload["amount"]
    return [
        ("Customer", payload["customer"]),
        ("Grant", payload["grant"]),
        ("Amount", f"{amount} {payload['currency']}" if amount else "all that is left"),
        ("Goes to", "the customer, as a refund"),
        _why(payload),
    ]


def _of_adjustment(_project: Project, payload: Payload) -> Summary:
    return [
        ("Customer", payload["customer"]),
        ("Amount", f"{payload['amount']} {payload['currency']}"),
        _why(payload),
    ]


def _why(payload: Payload) -> tuple[str, str]:
    code: str = payload["reason_code"]
    return "Kind of reason", REASONS.get(code, code)


KINDS = (
    ApprovalKind(ISSUE, "Issue a credit", "ledger.add_grant", _issue, _of_credit),
    ApprovalKind(
        REVOKE, "Revoke a credit for a refund", "ledger.change_grant", _revoke, _of_revocation
    ),
    ApprovalKind(
        ADJUST, "Adjust a customer balance", "ledger.change_grant", _adjust, _of_adjustment
    ),
)
