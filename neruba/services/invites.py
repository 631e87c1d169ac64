"""Invites: made, taken once, revoked."""

import secrets
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
from neruba.models import Invite, Membership, Project, User
from neruba.roles import Role
from neruba.services.audit import record
from neruba.services.memberships import add_member, check_may_set
from neruba.tokens import SECRET_BYTES, hash_of

LIFETIME = timedelta(days=7)
MARK = "nri"
MAX_EMAIL = 254  # RFC 5321: the longest path that a mail takes
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
    check_may_set(by, before=None, after=role)
    token = f"{MARK}_{secrets.token_urlsafe(SECRET_BYTES)}"
    with transaction.atomic():
        # Under the lock, so that of two invites to one address only the later one stands.
        if any(member.user.email == email for member in lock_memberships(project)):
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
    origin: Actor,
    at: datetime,
    wall: datetime,
    name: str = "",
) -> Membership:
    """Take an invite: who holds the token holds the address. A new operator is made with `name` and
    `password`; one who is known keeps theirs, and none is asked for.

    Raises NotFoundError for a token that is not good (any more), ConflictError for one who became a
    member in another way, InvalidError for a password that is missing or too weak. `origin` is
    where it comes from; the actor is the operator.
    """
    with transaction.atomic():
        seen = standing_invite(token, wall=wall)
        lock_memberships(seen.project)
        found = lock_invite(seen.pk)
        if found is None or not stands(found, wall):
            raise NotFoundError(NOT_VALID)
        user = User.objects.filter(email=found.email).first()
        if user is None:
            user = _new_operator(found.email, password, name=name)
        elif not user.is_active:
            raise NotFoundError(NOT_VALID)
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
    except IntegrityError:
        # Another project's invite made the operator a moment ago.
        return User.objects.get(email=email)
