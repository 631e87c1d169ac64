"""The accounts of operators: acts of superusers on the installation."""

from datetime import datetime

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction

from neruba.actor import Actor
from neruba.errors import ConflictError, InvalidError
from neruba.locks import lock_operators
from neruba.models import OperatorToken, User
from neruba.services.audit import record


def set_active(*, pk: int, active: bool, reason: str, actor: Actor, wall: datetime) -> User:
    """Switch an operator off (sessions and tokens end at once) or on again.

    Raises ConflictError where nobody would be left who may switch on.
    """
    with transaction.atomic():
        user = _locked(pk, losing=not active)
        if user.is_active != active:
            user.is_active = active
            user.save(update_fields=["is_active"])
            _note(user, "activated" if active else "deactivated", reason, actor, wall)
    return user


def set_superuser(*, pk: int, superuser: bool, reason: str, actor: Actor, wall: datetime) -> User:
    """Make a superuser of an operator, or an operator of a superuser.

    Raises ConflictError where no superuser would be left.
    """
    with transaction.atomic():
        user = _locked(pk, losing=not superuser)
        if user.is_superuser != superuser:
            user.is_superuser = superuser
            user.save(update_fields=["is_superuser"])
            _note(user, "promoted" if superuser else "demoted", reason, actor, wall)
    return user


def set_password(*, pk: int, password: str, reason: str, actor: Actor, wall: datetime) -> User:
    """Give an operator another password; their sessions and tokens end. Raises InvalidError."""
    with transaction.atomic():
        user = _locked(pk, losing=False)
        try:
            validate_password(password, user)
        except ValidationError as error:
            raise InvalidError(" ".join(error.messages), pointer="/password") from error
        user.set_password(password)
        user.save(update_fields=["password"])
        _note(user, "password", reason, actor, wall)
    return user


def revoke_tokens(*, pk: int, reason: str, actor: Actor, wall: datetime) -> int:
    """End all tokens of an operator; how many there were."""
    with transaction.atomic():
        user = _locked(pk, losing=False)
        standing = OperatorToken.objects.filter(user=user, revoked_at=None, expires_at__gt=wall)
        ended = standing.update(revoked_at=wall)
        _note(user, "tokens_revoked", reason, actor, wall)
    return ended


def _locked(pk: int, *, losing: bool) -> User:
    """The operator; refused where the last superuser would be lost."""
    operators = lock_operators(pk)
    user = next(one for one in operators if one.pk == pk)
    ruling = [one for one in operators if one.is_superuser and one.is_active]
    if losing and ruling == [user]:
        raise ConflictError("No superuser would be left: make another one first.")
    return user


def _note(user: User, what: str, reason: str, actor: Actor, wall: datetime) -> None:
    record(
        project=None,
        actor=actor,
        action=f"operator.{what}",
        on=("operator", user.email),
        at=wall,
        reason=reason,
    )
