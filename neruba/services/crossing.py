"""Superusers who enter a project that they are no member of."""

from datetime import datetime, timedelta

from django.db import transaction

from neruba.actor import Actor
from neruba.errors import InvalidError, RefusedError
from neruba.models import Project, User
from neruba.period import rfc3339
from neruba.services.audit import record

ENTERED_FOR = timedelta(hours=1)


def enter_project(
    *, project: Project, user: User, reason: str, actor: Actor, at: datetime, wall: datetime
) -> datetime:
    """Note in the project's audit history who looks into it and why; until when they may.

    Raises RefusedError for one who is no superuser, InvalidError without a reason.
    """
    if not user.is_superuser:
        raise RefusedError("Only a superuser enters a project without being a member.")
    if not reason.strip():
        raise InvalidError("A reason is needed: the project's owners read it.", pointer="/reason")
    until = wall + ENTERED_FOR
    with transaction.atomic():
        record(
            project=project,
            actor=actor,
            action="project.entered",
            on=("project", project.slug),
            at=at,
            reason=reason.strip(),
            details={"until": rfc3339(until)},
        )
    return until
