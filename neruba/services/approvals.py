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
from neruba.approvals import ApprovalKind, kind_of
from neruba.canonical import canonical_json
from neruba.errors import ConflictError, RefusedError
from neruba.ids import new_id
from neruba.locks import lock_approval, lock_memberships
from neruba.models import Approval, Membership, Project, User
from neruba.money import Money
from neruba.roles import ROLES, Role
from neruba.services.audit import record
from neruba.services.memberships import role_now
from neruba.services.roles import permissions_of

State = Approval.State
DECIDE = "neruba.change_approval"


def limit_of(*, project: Project, actor: Actor) -> Decimal | None:
    """How much the actor may give away in one act, in major units of any currency; None: any
    amount. Keys are bound by their scopes alone; a superuser who entered acts as an owner.

    Raises RefusedError for an operator who is no member (any more).
    """
    if actor.kind != "operator":
        return None
    members = list(Membership.objects.filter(project=project).select_related("user"))
    return ROLES[role_now(Role.OWNER, actor, members)].limit


def exceeds_limit(*, project: Project, actor: Actor, amount: Money) -> bool:
    """Whether a second person must approve that the actor gives this away."""
    limit = limit_of(project=project, actor=actor)
    return limit is not None and Decimal(amount.amount) > limit


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
    """Ask for an act, in the caller's transaction; the caller has checked that it could be done."""
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
        members = lock_memberships(approval.project)
        approval = _lock_open(approval)
        kind = _kind(approval)
        if approval.asked_by == actor.name:
            raise RefusedError("Your own request is decided by somebody else.")
        role = _decider(actor, members, kind)
        limit = ROLES[role].limit
        amount = Money(approval.amount_minor, approval.currency)
        if limit is not None and Decimal(amount.amount) > limit:
            raise RefusedError(f"{amount} is above the limit of the role {role}, {limit}.")
        if approval.has_lapsed(at):
            raise ConflictError("It was asked for more than 14 days ago: ask again.")
        asker = Actor("operator", approval.asked_by, actor.origin, actor.request_id)
        _check_asker(asker, members, kind)
        result = kind.perform(approval.project, json.loads(approval.payload), asker, at)
        approval.result = result
        return _decide(approval, State.APPROVED, reason=reason, actor=actor, at=at)


def refuse(*, approval: Approval, reason: str, actor: Actor, at: datetime) -> Approval:
    """Decide that it is not done. Raises as `approve`; any amount may be refused."""
    with transaction.atomic():
        members = lock_memberships(approval.project)
        approval = _lock_open(approval)
        if approval.asked_by == actor.name:
            raise RefusedError("Your own request is withdrawn, not refused.")
        _decider(actor, members, None)
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


def _decider(actor: Actor, members: list[Membership], kind: ApprovalKind | None) -> Role:
    """The role of one who may decide. A key is nobody in particular."""
    if actor.kind != "operator":
        raise RefusedError("A person decides on approvals: a key is nobody in particular.")
    role = role_now(Role.OWNER, actor, members)
    needed = {DECIDE} | ({kind.permission} if kind is not None else set())
    if not needed <= permissions_of(role):
        raise RefusedError(f"The role {role} may not decide on this.")
    return role


def _check_asker(asker: Actor, members: list[Membership], kind: ApprovalKind) -> None:
    """What was asked for by one who may not do it any more is not done."""
    try:
        may = kind.permission in permissions_of(role_now(Role.OWNER, asker, members))
    except RefusedError:
        may = False
    if not may or not User.objects.filter(email=asker.name, is_active=True).exists():
        raise ConflictError(f"{asker.name} may not do this any more: refuse it.")


def _decide(approval: Approval, state: str, *, reason: str, actor: Actor, at: datetime) -> Approval:
    approval.state, approval.decision_reason = state, reason
    approval.decided_by, approval.decided_at = actor.name, at
    approval.save()
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
            "amount": str(Money(approval.amount_minor, approval.currency)),
            "asked_by": approval.asked_by,
            "asked_for": json.loads(approval.payload),
            "result": approval.result,
        },
    )
