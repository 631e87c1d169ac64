"""The audit history: written in the transaction of the act, never changed."""

from collections.abc import Mapping
from datetime import datetime

from neruba.actor import Actor
from neruba.canonical import canonical_json
from neruba.models import AuditRecord, Project


def record(
    *,
    project: Project | None,
    actor: Actor,
    action: str,
    on: tuple[str, str],
    at: datetime,
    reason: str = "",
    details: Mapping[str, object] | None = None,
) -> AuditRecord:
    """Note an act on a thing: `on` is its type and its caller's name or public id, `at` the
    project's time. Acts of the installation (logins, accounts) have no project.
    """
    return AuditRecord.objects.create(
        project=project,
        at=at,
        actor_kind=actor.kind,
        actor=actor.name,
        origin=actor.origin,
        request_id=actor.request_id,
        action=action,
        object_type=on[0],
        object_id=on[1],
        reason=reason,
        details=canonical_json(dict(details or {})),
    )
