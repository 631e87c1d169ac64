"""Bearer tokens of operators: issued at a login, found, revoked."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from neruba.actor import Actor
from neruba.models import OperatorToken, User
from neruba.services.audit import record
from neruba.tokens import OPERATOR_TOKEN, hash_of, matches, new_token, prefix_of

LIFETIME = timedelta(hours=12)
NOTE_USE_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A new token with its secret, which is nowhere stored."""

    token: OperatorToken
    secret: str


def issue_operator_token(*, user: User, actor: Actor, wall: datetime) -> IssuedToken:
    """A token of twelve hours for one whose password was just checked; theirs that expired go."""
    prefix, secret = new_token(OPERATOR_TOKEN)
    with transaction.atomic():
        OperatorToken.objects.filter(user=user, expires_at__lte=wall).delete()
        token = OperatorToken.objects.create(
            user=user,
            prefix=prefix,
            secret_hash=hash_of(secret),
            password_hash=hash_of(user.password),
            created_at=wall,
            expires_at=wall + LIFETIME,
        )
        _note("operator.token", token, actor, wall)
    return IssuedToken(token, secret)


def token_of_secret(secret: str, wall: datetime) -> OperatorToken | None:
    """The token of `secret` that is valid at `wall`, or None: unknown, expired, revoked, of an
    operator who was switched off or has another password since.
    """
    prefix = prefix_of(secret, OPERATOR_TOKEN)
    if prefix is None:
        return None
    token = OperatorToken.objects.select_related("user").filter(prefix=prefix).first()
    if token is None or not matches(secret, token.secret_hash):
        return None
    ended = token.revoked_at is not None or token.expires_at <= wall
    changed = token.password_hash != hash_of(token.user.password)
    return None if ended or changed or not token.user.is_active else token


def note_use(token: OperatorToken, wall: datetime) -> None:
    """Note the last use, once a minute."""
    if token.last_used_at is None or token.last_used_at < wall - NOTE_USE_EVERY:
        OperatorToken.objects.filter(pk=token.pk).update(last_used_at=wall)


def revoke_operator_token(*, token: OperatorToken, actor: Actor, wall: datetime) -> None:
    """End it at once; one that is revoked stays so."""
    with transaction.atomic():
        standing = OperatorToken.objects.filter(pk=token.pk, revoked_at=None)
        if standing.update(revoked_at=wall):
            _note("operator.token_revoked", token, actor, wall)


def _note(action: str, token: OperatorToken, actor: Actor, wall: datetime) -> None:
    record(
        project=None,
        actor=actor,
        action=action,
        on=("operator", token.user.email),
        at=wall,
        details={"prefix": token.prefix},
    )
