"""API keys: issue, find, revoke."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models import Q

from neruba.actor import Actor
from neruba.errors import ConflictError, InvalidError
from neruba.locks import lock_api_key
from neruba.models import ApiKey, Project
from neruba.models.access import SCOPES
from neruba.period import rfc3339
from neruba.rows import columns_of, loaded
from neruba.services.audit import record
from neruba.tokens import API_KEY, hash_of, matches, new_token, prefix_of

MAX_OVERLAP = timedelta(days=30)
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
    prefix, secret = new_token(API_KEY)
    with transaction.atomic():
        key = ApiKey.objects.create(
            project=project,
            name=name,
            prefix=prefix,
            secret_hash=hash_of(secret),
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
    prefix = prefix_of(secret, API_KEY)
    key = None if prefix is None else _key_named(prefix)
    if key is None or not matches(secret, key.secret_hash):
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


def rotate_api_key(
    *,
    project: Project,
    prefix: str,
    overlap: timedelta,
    reason: str,
    actor: Actor,
    at: datetime,
    wall: datetime,
) -> IssuedKey | None:
    """A new key of the same name, scopes and expiry; the old one ends after `overlap`, or at its
    own expiry where that is sooner. None where the project has no such key.

    Raises InvalidError for an overlap below 0 or above 30 days, ConflictError for a key that is
    revoked, expired, or rotated already.
    """
    if not timedelta(0) <= overlap <= MAX_OVERLAP:
        raise InvalidError("The overlap is from 0 to 30 days.", pointer="/overlap")
    with transaction.atomic():
        old = lock_api_key(project, prefix)
        if old is None:
            return None
        if old.revoked_at is not None or (old.expires_at is not None and old.expires_at <= wall):
            raise ConflictError("The key is revoked or expired: issue a new one.")
        if old.rotated_to_id is not None:
            raise ConflictError("The key was rotated already; rotate its successor.")
        issued = issue_api_key(
            project=project,
            name=old.name,
            scopes=old.scopes,
            expires_at=old.expires_at,
            actor=actor,
            at=at,
            wall=wall,
            reason=reason,
        )
        ends = wall + overlap
        old.expires_at = ends if old.expires_at is None else min(ends, old.expires_at)
        old.rotated_to = issued.key
        old.save(update_fields=["expires_at", "rotated_to"])
        record(
            project=project,
            actor=actor,
            action="api_key.rotated",
            on=("api_key", prefix),
            at=at,
            reason=reason,
            details={"name": old.name, "to": issued.key.prefix, "ends": rfc3339(old.expires_at)},
        )
    return issued


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
