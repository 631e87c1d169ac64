"""API keys: issue, find, revoke."""

import hashlib
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Q

from neruba.actor import Actor
from neruba.errors import InvalidError
from neruba.locks import lock_api_key
from neruba.models import ApiKey, Project
from neruba.models.access import SCOPES
from neruba.rows import columns_of, loaded
from neruba.services.audit import record

MARK = "nrb"
SECRET_BYTES = 32
NOTE_USE_EVERY = timedelta(minutes=1)
KEY_COLUMNS = len(ApiKey._meta.concrete_fields)
KEY_AND_PROJECT = (
    f"SELECT {columns_of(ApiKey)}, {columns_of(Project)} FROM neruba_apikey "  # noqa: S608
    "JOIN neruba_project ON neruba_project.id = neruba_apikey.project_id "
    "WHERE neruba_apikey.prefix = %s"
)


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A new key with its secret, which is nowhere stored."""

    key: ApiKey
    secret: str


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def issue_api_key(
    *,
    project: Project,
    name: str,
    scopes: Sequence[str],
    expires_at: datetime | None,
    actor: Actor,
    at: datetime,
    wall: datetime,
    reason: str = "",
) -> IssuedKey:
    """Make a key of 32 random bytes and store its hash.

    Keys live by the real time `wall`; `at` is the project's. Raises InvalidError for an unknown
    scope, none at all, or an expiry that is not ahead.
    """
    unknown = sorted(set(scopes) - SCOPES.keys())
    if unknown or not scopes:
        raise InvalidError(
            f"Unknown scope {unknown[0]!r}." if unknown else "At least one scope is needed.",
            pointer="/scopes",
        )
    if expires_at is not None and expires_at <= wall:
        raise InvalidError("The expiry must be in the future.", pointer="/expires_at")
    prefix = secrets.token_hex(6)
    secret = f"{MARK}_{prefix}_{secrets.token_urlsafe(SECRET_BYTES)}"
    with transaction.atomic():
        key = ApiKey.objects.create(
            project=project,
            name=name,
            prefix=prefix,
            secret_hash=_hash(secret),
            scopes=sorted(set(scopes)),
            created_at=wall,
            expires_at=expires_at,
        )
        record(
            project=project,
            actor=actor,
            action="api_key.issued",
            on=("api_key", prefix),
            at=at,
            reason=reason,
            details={"name": name, "scopes": sorted(set(scopes))},
        )
    return IssuedKey(key, secret)


def key_of_secret(secret: str, now: datetime) -> ApiKey | None:
    """The key of `secret` that is valid at `now` (wall clock), or None; compared in
    constant time.
    """
    mark, _, rest = secret.partition("_")
    prefix = rest.partition("_")[0]
    if mark != MARK or not prefix.isascii() or not prefix.isalnum():
        return None
    key = _key_named(prefix)
    if key is None or not secrets.compare_digest(key.secret_hash, _hash(secret)):
        return None
    expired = key.expires_at is not None and key.expires_at <= now
    return None if expired or key.revoked_at is not None else key


def _key_named(prefix: str) -> ApiKey | None:
    """The key with this prefix, and its project; every request asks for it."""
    with connection.cursor() as cursor:
        cursor.execute(KEY_AND_PROJECT, [prefix])
        row = cursor.fetchone()
    if row is None:
        return None
    key = loaded(ApiKey, row[:KEY_COLUMNS])
    key.project = loaded(Project, row[KEY_COLUMNS:])
    return key


def note_use(key: ApiKey, now: datetime) -> None:
    """Note the last use, once a minute: a write for each request would cost more than it tells."""
    if key.last_used_at is None or key.last_used_at < now - NOTE_USE_EVERY:
        stale = Q(last_used_at=None) | Q(last_used_at__lt=now - NOTE_USE_EVERY)
        ApiKey.objects.filter(stale, pk=key.pk).update(last_used_at=now)


def revoke_api_key(
    *, project: Project, prefix: str, reason: str, actor: Actor, at: datetime, wall: datetime
) -> ApiKey | None:
    """Revoke at once; a key that is revoked already stays so. None where the project has no such
    key.
    """
    with transaction.atomic():
        key = lock_api_key(project, prefix)
        if key is None or key.revoked_at is not None:
            return key
        key.revoked_at = wall
        key.save(update_fields=["revoked_at"])
        record(
            project=project,
            actor=actor,
            action="api_key.revoked",
            on=("api_key", prefix),
            at=at,
            reason=reason,
            details={"name": key.name},
        )
    return key
