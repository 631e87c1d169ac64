"""Who belongs to a project, and as what."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.db import transaction

from neruba.actor import Actor
from neruba.errors import ConflictError, NotFoundError, RefusedError
from neruba.locks import lock_memberships
from neruba.models import Invite, Membership, Project, User
from neruba.roles import Role, may_set
from neruba.services.audit import record


def add_member(
    *,
    project: Project,
    user: User,
    role: Role,
    actor: Actor,
    at: datetime,
    wall: datetime,
    reason: str = "",
) -> Membership:
    """Give an operator a role. Who is a member already is refused (ConflictError): roles are
    changed, never given twice.
    """
    with transaction.atomic():
        lock_memberships(project)
        if Membership.objects.filter(project=project, user=user).exists():
            raise ConflictError(f"{user.email} is a member of this project already.")
        member = Membership.objects.create(project=project, user=user, role=role, created_at=wall)
        _note(member, "member.added", actor=actor, at=at, reason=reason, details={"role": role})
    return member


def change_role(
    *,
    project: Project,
    email: str,
    role: Role,
    by: Role,
    actor: Actor,
    at: datetime,
    wall: datetime,
    reason: str,
) -> Membership:
    """Give a member another role; `by` is the role of the one who decides. What they offered to
    others is revoked, since they may not be one who could offer it any more.

    Raises NotFoundError for one who is no member, RefusedError where `by` may not, ConflictError
    where the project would be left without an owner.
    """
    with transaction.atomic():
        member = _decided_on(project, email, by=by, actor=actor, after=role)
        before = member.role
        if before != role:
            member.role = role
            member.save(update_fields=["role"])
            details = {"before": before, "after": role}
            _note(member, "member.changed", actor=actor, at=at, reason=reason, details=details)
            _revoke_offers_of(member, wall)
    return member


def remove_member(
    *,
    project: Project,
    email: str,
    by: Role,
    actor: Actor,
    at: datetime,
    wall: datetime,
    reason: str,
) -> None:
    """End a membership at once: sessions and tokens see nothing of the project from now on, and
    nobody comes in by what the member offered.

    Raises as `change_role`.
    """
    with transaction.atomic():
        member = _decided_on(project, email, by=by, actor=actor, after=None)
        details = {"role": member.role}
        _note(member, "member.removed", actor=actor, at=at, reason=reason, details=details)
        _revoke_offers_of(member, wall)
        member.delete()


def check_may_set(by: Role, *, before: Role | None, after: Role | None) -> None:
    """Raises RefusedError where the role `by` may not decide on this."""
    if not may_set(by, before=before, after=after):
        what = "owners" if Role.OWNER in (before, after) else "members"
        raise RefusedError(f"The role {by} may not decide on {what}.")


def role_now(by: Role, actor: Actor, members: Sequence[Membership]) -> Role:
    """The role of the one who decides, as it is under the lock: it may have been taken from them
    while they waited. `by` is right for keys, and for superusers who entered. Raises RefusedError.
    """
    if actor.kind != "operator":
        return by
    mine = next((one for one in members if one.user.email == actor.name), None)
    if mine is not None:
        return Role(mine.role)
    if not User.objects.filter(email=actor.name, is_superuser=True, is_active=True).exists():
        raise RefusedError("You are no member of this project any more.")
    return by


def _decided_on(
    project: Project, email: str, *, by: Role, actor: Actor, after: Role | None
) -> Membership:
    members = lock_memberships(project)
    by = role_now(by, actor, members)
    address = email.strip().lower()  # as operators are named
    member = next((one for one in members if one.user.email == address), None)
    if member is None:
        raise NotFoundError("There is no such member in this project.")
    check_may_set(by, before=Role(member.role), after=after)
    owners = [one for one in members if one.role == Role.OWNER]
    if owners == [member] and after != Role.OWNER:
        raise ConflictError("The project would be left without an owner: name another one first.")
    return member


def _revoke_offers_of(member: Membership, wall: datetime) -> None:
    """Else who is removed could come back by an invite of their own to another address."""
    Invite.objects.filter(
        project=member.project,
        invited_by=member.user.email,
        accepted_at=None,
        revoked_at=None,
    ).update(revoked_at=wall)


def _note(
    member: Membership,
    action: str,
    *,
    actor: Actor,
    at: datetime,
    reason: str,
    details: Mapping[str, object],
) -> None:
    record(
        project=member.project,
        actor=actor,
        action=action,
        on=("member", member.user.email),
        at=at,
        reason=reason,
        details=details,
    )
