"""A second person for what is above the limit of the first: asked for, approved, refused.

Nothing is done before it is approved, and then in the approving transaction, as if the asker did
it: the audit history has both.
"""

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import transaction

from neruba.actor import Actor
from neruba.approvals import DECIDE, ApprovalKind, kind_of
from neruba.canonical import canonical_json
from neruba.errors import ConflictError, RefusedError
from neruba.ids import new_id
from neruba.locks import lock_approval
from neruba.models import Approval, Membership, Project, User
from neruba.money import Money
from neruba.roles import ROLES, Role
from neruba.services.audit import record
from neruba.services.memberships import role_now
from neruba.services.roles import permissions_of

State = Approval.State


def limit_of(*, project: Project, actor: Actor) -> Decimal | None:
    """How much the actor may give away in one act, in major units of any currency; None: any
    amount. Keys are bound by their scopes alone; a superuser who entered acts as an owner.

    Raises RefusedError for an operator who is no member (any more).
    """
    if actor.kind != "operator":
        return None
    return ROLES[_role_of(actor, project)].limit


def exceeds_limit(*, project: Project, actor: Actor, amount: Money) -> bool:
    """Whether a second person must approve that the actor gives this away, or takes it: the sign
    makes no difference.
    """
    if actor.kind != "operator":
        return False
    return not ROLES[_role_of(actor, project)].covers(amount)


def request_approval(
    *,
    project: Project,
    operation: str,
    payload: Mapping[str, Any],
    amount: Money,
    reason: str,
    actor: Actor,
    at: datetime,
) -> Approval:
    """Ask for an act, in the caller's transaction; the caller has checked that it could be done.

    Raises RefusedError for one who is no operator: a key is bound by its scopes, and never asks.
    """
    if actor.kind != "operator":
        raise RefusedError("Only a person asks for approval.")
    approval = Approval.objects.create(
        project=project,
        public_id=new_id("apr"),
        operation=operation,
        payload=canonical_json(dict(payload)),
        amount_minor=amount.minor,
        currency=amount.currency,
        asked_by=actor.name,
        asked_at=at,
        reason=reason,
    )
    _note(approval, "approval.requested", actor=actor, at=at, reason=reason)
    return approval


def approve(*, approval: Approval, reason: str, actor: Actor, at: datetime) -> Approval:
    """Do what was asked for, with the asker as the actor, and note who approved it.

    Raises ConflictError for one that is decided or was asked too long ago, RefusedError for one's
    own, above one's own limit, or without the right to it; and what the act itself raises: then
    nothing is changed, and the request goes on waiting.
    """
    with transaction.atomic():
        approval = _lock_open(approval)
        kind = _kind(approval)
        if approval.asked_by == actor.name:
            raise RefusedError("Your own request is decided by somebody else.")
        role = _decider(actor, approval.project, kind)
        if not ROLES[role].covers(approval.amount):
            limit = ROLES[role].limit
            raise RefusedError(
                f"{approval.amount} is above the limit of the role {role}, {limit:,}."
            )
        if approval.has_lapsed(at):
            raise ConflictError("It was asked for more than 14 days ago: ask again.")
        asker = Actor("operator", approval.asked_by, actor.origin, actor.request_id)
        _check_asker(asker, approval.project, kind)
        result = kind.perform(approval.project, json.loads(approval.payload), asker, at)
        approval.result = result
        return _decide(approval, State.APPROVED, reason=reason, actor=actor, at=at)


def refuse(*, approval: Approval, reason: str, actor: Actor, at: datetime) -> Approval:
    """Decide that it is not done. Raises as `approve`; any amount may be refused."""
    with transaction.atomic():
        approval = _lock_open(approval)
        if approval.asked_by == actor.name:
            raise RefusedError("Your own request is withdrawn, not refused.")
        _decider(actor, approval.project, None)
        return _decide(approval, State.REFUSED, reason=reason, actor=actor, at=at)


def withdraw(*, approval: Approval, reason: str, actor: Actor, at: datetime) -> Approval:
    """Take one's own request back. Raises RefusedError for another's, ConflictError."""
    with transaction.atomic():
        approval = _lock_open(approval)
        if actor.kind != "operator" or approval.asked_by != actor.name:
            raise RefusedError(f"Only {approval.asked_by} can withdraw this request.")
        return _decide(approval, State.WITHDRAWN, reason=reason, actor=actor, at=at)


def _lock_open(approval: Approval) -> Approval:
    locked = lock_approval(approval.pk)
    if locked.state != State.REQUESTED:
        raise ConflictError(
            f"It is {locked.state} already, by {locked.decided_by}: {locked.decision_reason}"
        )
    return locked


def _kind(approval: Approval) -> ApprovalKind:
    kind = kind_of(approval.operation)
    if kind is None:
        raise ConflictError(f"Nothing here can do {approval.operation!r} any more.")
    return kind


def _decider(actor: Actor, project: Project, kind: ApprovalKind | None) -> Role:
    """The role of one who may decide. A key is nobody in particular."""
    if actor.kind != "operator":
        raise RefusedError("A person decides on approvals: a key is nobody in particular.")
    role = _role_of(actor, project)
    needed = {DECIDE} | ({kind.permission} if kind is not None else set())
    if not needed <= permissions_of(role):
        raise RefusedError(f"The role {role} may not decide on this.")
    return role


def _role_of(operator: Actor, project: Project) -> Role:
    """The role at this moment, read after the approval's lock. The project's row is not locked: all
    that writes in the project would wait for it, and meet it after the customer's lock.
    """
    mine = Membership.objects.filter(project=project, user__email=operator.name)
    return role_now(Role.OWNER, operator, list(mine.select_related("user")))


def _check_asker(asker: Actor, project: Project, kind: ApprovalKind) -> None:
    """What was asked for by one who may not do it any more is not done."""
    try:
        may = kind.permission in permissions_of(_role_of(asker, project))
    except RefusedError:
        may = False
    if not may or not User.objects.filter(email=asker.name, is_active=True).exists():
        raise ConflictError(f"{asker.name} may not do this any more: refuse it.")


def _decide(approval: Approval, state: str, *, reason: str, actor: Actor, at: datetime) -> Approval:
    approval.state, approval.decision_reason = state, reason
    approval.decided_by, approval.decided_at = actor.name, at
    approval.save(update_fields=["state", "decision_reason", "decided_by", "decided_at", "result"])
    _note(approval, f"approval.{state}", actor=actor, at=at, reason=reason)
    return approval


def _note(approval: Approval, action: str, *, actor: Actor, at: datetime, reason: str) -> None:
    record(
        project=approval.project,
        actor=actor,
        action=action,
        on=("approval", approval.public_id),
        at=at,
        reason=reason,
        details={
            "operation": approval.operation,
            "amount": str(approval.amount),
            "asked_by": approval.asked_by,
            "asked_for": json.loads(approval.payload),
            "result": approval.result,
        },
    )
