"""Invites: made, taken once, revoked."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator, validate_email
from django.db import IntegrityError, transaction

from neruba.actor import Actor
from neruba.errors import ConflictError, InvalidError, NotFoundError
from neruba.ids import new_id
from neruba.locks import lock_invite, lock_memberships
from neruba.models import ApiKey, Invite, Membership, Project, User
from neruba.roles import Role, may_set
from neruba.services.audit import record
from neruba.services.memberships import add_member, check_may_set, role_now
from neruba.tokens import SECRET_BYTES, hash_of

LIFETIME = timedelta(days=7)
MARK = "nri"
MAX_EMAIL = 254  # RFC 5321: the longest path that a mail takes
WRONG_PASSWORD = "This address has an account already: its own password is needed."  # noqa: S105
# The same words for each: a stranger learns nothing of which tokens there were.
NOT_VALID = "The invite is unknown, expired, revoked or taken already. Ask for a new one."


@dataclass(frozen=True, slots=True)
class IssuedInvite:
    """A new invite with its token, which is nowhere stored."""

    invite: Invite
    token: str


def invite(
    *,
    project: Project,
    email: str,
    role: Role,
    by: Role,
    actor: Actor,
    at: datetime,
    wall: datetime,
    reason: str = "",
) -> IssuedInvite:
    """Offer a role to an address for seven days. What was offered to it before is revoked.

    Raises InvalidError for what is no address, RefusedError where the role `by` may not,
    ConflictError where the address is a member's.
    """
    email = checked_email(email)
    token = f"{MARK}_{secrets.token_urlsafe(SECRET_BYTES)}"
    with transaction.atomic():
        # Under the lock, so that of two invites to one address only the later one stands.
        members = lock_memberships(project)
        check_may_set(role_now(by, actor, members), before=None, after=role)
        if any(member.user.email == email for member in members):
            raise ConflictError(f"{email} is a member of this project already.")
        Invite.objects.filter(
            project=project, email=email, accepted_at=None, revoked_at=None
        ).update(revoked_at=wall)
        made = Invite.objects.create(
            project=project,
            public_id=new_id("invt"),
            email=email,
            role=role,
            token_hash=hash_of(token),
            invited_by=actor.name,
            inviter_kind=actor.kind,
            created_at=wall,
            expires_at=wall + LIFETIME,
        )
        record(
            project=project,
            actor=actor,
            action="invite.made",
            on=("invite", made.public_id),
            at=at,
            reason=reason,
            details={"email": email, "role": role},
        )
    return IssuedInvite(made, token)


def standing_invite(token: str, *, wall: datetime) -> Invite:
    """The invite that this token can still take. Raises NotFoundError."""
    found = Invite.objects.select_related("project").filter(token_hash=hash_of(token)).first()
    if found is None or not stands(found, wall):
        raise NotFoundError(NOT_VALID)
    return found


def stands(invite: Invite, wall: datetime) -> bool:
    """Whether it can still be taken."""
    return invite.accepted_at is None and invite.revoked_at is None and invite.expires_at > wall


def accept_invite(
    *,
    token: str,
    password: str | None,
    proven: User | None,
    origin: Actor,
    at: datetime,
    wall: datetime,
    name: str = "",
) -> Membership:
    """Take an invite. A new operator is made with `name` and `password`. One who is known must have
    given their own password: `proven` is whom it proved. The token alone proves nobody, since the
    one who invites has held it too.

    Raises NotFoundError for a token that is not good (any more), or whose inviter may not invite
    any more; ConflictError for one who became a member in another way; InvalidError for a password
    that is missing, wrong or too weak. `origin` is where it comes from; the actor is the operator.
    """
    with transaction.atomic():
        seen = standing_invite(token, wall=wall)
        members = lock_memberships(seen.project)
        found = lock_invite(seen.pk)
        if found is None or not stands(found, wall) or not _may_still_invite(found, members, wall):
            raise NotFoundError(NOT_VALID)
        user = User.objects.filter(email=found.email).first()
        if user is None:
            user = _new_operator(found.email, password, name=name)
        elif not user.is_active:
            raise NotFoundError(NOT_VALID)
        elif proven is None or proven.pk != user.pk:
            raise InvalidError(WRONG_PASSWORD, pointer="/password")
        found.accepted_at = wall
        found.save(update_fields=["accepted_at"])
        return add_member(
            project=found.project,
            user=user,
            role=Role(found.role),
            actor=Actor("operator", user.email, origin.origin, origin.request_id),
            at=at,
            wall=wall,
            reason=f"took invite {found.public_id} of {found.invited_by}",
        )


def _may_still_invite(invite: Invite, members: Sequence[Membership], wall: datetime) -> bool:
    """Whether the one who invited could do so at this moment: an operator who was switched off or
    has another role, and a key that was revoked or has expired, bring nobody in any more.
    """
    after = Role(invite.role)
    if invite.inviter_kind == "operator":
        user = User.objects.filter(email=invite.invited_by, is_active=True).first()
        mine = next((one for one in members if user is not None and one.user_id == user.pk), None)
        if mine is not None:
            return may_set(Role(mine.role), before=None, after=after)
        return user is not None and user.is_superuser
    if invite.inviter_kind == "api_key":
        prefix = invite.invited_by.rpartition("(")[2].rstrip(")")
        keys = ApiKey.objects.filter(project=invite.project_id, prefix=prefix, revoked_at=None)
        return keys.exclude(expires_at__lte=wall).exists()
    return True


def revoke_invite(
    *,
    project: Project,
    public_id: str,
    by: Role,
    actor: Actor,
    at: datetime,
    wall: datetime,
    reason: str,
) -> Invite:
    """Take an offer back; one that is revoked already stays so.

    Raises NotFoundError, RefusedError, and ConflictError for one that was taken.
    """
    with transaction.atomic():
        found = Invite.objects.filter(project=project, public_id=public_id).first()
        found = None if found is None else lock_invite(found.pk)
        if found is None:
            raise NotFoundError("There is no such invite in this project.")
        check_may_set(by, before=None, after=Role(found.role))
        if found.accepted_at is not None:
            raise ConflictError("The invite was taken: remove the member instead.")
        if found.revoked_at is None:
            found.revoked_at = wall
            found.save(update_fields=["revoked_at"])
            record(
                project=project,
                actor=actor,
                action="invite.revoked",
                on=("invite", public_id),
                at=at,
                reason=reason,
                details={"email": found.email},
            )
    return found


def checked_email(email: str) -> str:
    """An address in lower case, as operators are named by. Raises InvalidError."""
    email = email.strip().lower()
    try:
        MaxLengthValidator(MAX_EMAIL)(email)
        validate_email(email)
    except ValidationError as error:
        raise InvalidError(f"{email[:64]!r} is no e-mail address.", pointer="/email") from error
    return email


def _new_operator(email: str, password: str | None, *, name: str) -> User:
    if not password:
        raise InvalidError("A new operator chooses a password.", pointer="/password")
    try:
        validate_password(password, User(email=email, first_name=name))
    except ValidationError as error:
        raise InvalidError(" ".join(error.messages), pointer="/password") from error
    try:
        with transaction.atomic():
            return User.objects.create_user(email, password, is_staff=True, first_name=name)
    except IntegrityError as error:
        # Another project's invite made the operator a moment ago: whoever that was proves it now.
        raise InvalidError(WRONG_PASSWORD, pointer="/password") from error
