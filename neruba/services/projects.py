"""Projects: create, change, move a sandbox's clock."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db import IntegrityError, transaction

from neruba.actor import Actor
from neruba.errors import ConflictError, InvalidError
from neruba.locks import lock_project
from neruba.models import Project
from neruba.money import is_currency
from neruba.period import rfc3339, zone_named
from neruba.project_settings import ProjectSettings
from neruba.services.audit import record

_SLUG = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")


def _checked_zone(name: str) -> str:
    try:
        zone_named(name)
    except ValueError as error:
        raise InvalidError(str(error), pointer="/timezone") from error
    return name


def create_project(
    *,
    slug: str,
    name: str,
    currency: str,
    timezone: str,
    mode: str,
    clock_at: datetime | None,
    settings: Mapping[str, Any],
    actor: Actor,
    wall: datetime,
) -> Project:
    """Make a project; a sandbox's clock starts at `clock_at`, or at `wall` where that is None.

    Raises InvalidError for an unknown currency, zone or setting, ConflictError where the slug is
    taken.
    """
    if not _SLUG.fullmatch(slug):
        raise InvalidError(
            f"{slug!r} is no slug: letters, digits, and . _ - between them, at most 63.",
            pointer="/slug",
        )
    if not is_currency(currency):
        raise InvalidError(f"{currency!r} is no ISO 4217 currency.", pointer="/currency")
    if mode == Project.Mode.LIVE and clock_at is not None:
        raise InvalidError("Only a sandbox has a clock of its own.", pointer="/clock")
    project = Project(
        slug=slug,
        name=name,
        currency=currency,
        timezone=_checked_zone(timezone),
        mode=mode,
        clock_at=(clock_at or wall) if mode == Project.Mode.SANDBOX else None,
        settings=ProjectSettings.parse(settings).differing(),
        created_at=wall,
    )
    with transaction.atomic():
        try:
            with transaction.atomic():
                project.save(force_insert=True)
        except IntegrityError as error:
            raise ConflictError(f"There is a project {slug!r} already.") from error
        record(
            project=project,
            actor=actor,
            action="project.created",
            on=("project", slug),
            at=project.clock_at or wall,
            details={"mode": mode, "currency": currency},
        )
    return project


def stands_as(
    project: Project,
    *,
    slug: str,
    name: str,
    currency: str,
    timezone: str,
    mode: str,
    clock_at: datetime | None,
    settings: Mapping[str, Any],
) -> bool:
    """Whether making it with this content again would change nothing. A sandbox's clock has moved
    since it started, forward only, so any start that is not ahead of it will do.
    """
    same = (project.slug, project.name, project.currency, project.timezone, project.mode)
    if same != (slug, name, currency, timezone, mode):
        return False
    if clock_at is not None and (project.clock_at is None or clock_at > project.clock_at):
        return False
    return dict(project.settings) == ProjectSettings.parse(settings).differing()


def update_project(
    *,
    project: Project,
    name: str | None,
    settings: Mapping[str, Any] | None,
    actor: Actor,
    at: datetime,
    reason: str = "",
) -> Project:
    """Change the name, or some settings (the others stay). Periods that are open keep the policy
    they began with.
    """
    with transaction.atomic():
        project = lock_project(project)
        before = {"name": project.name, "settings": dict(project.settings)}
        if name is not None:
            project.name = name
        if settings is not None:
            project.settings = ProjectSettings.parse({**project.settings, **settings}).differing()
        after = {"name": project.name, "settings": dict(project.settings)}
        if after != before:
            project.save(update_fields=["name", "settings"])
            record(
                project=project,
                actor=actor,
                action="project.changed",
                on=("project", project.slug),
                at=at,
                reason=reason,
                details={"before": before, "after": after},
            )
    return project


def set_clock(*, project: Project, to: datetime) -> None:
    """Move a sandbox's clock forward to `to`; what falls due on the way is `neruba.due`'s to do.

    Raises ConflictError for a live project or a time that has passed.
    """
    with transaction.atomic():
        locked = lock_project(project)
        if locked.clock_at is None:
            raise ConflictError("A live project runs on the real clock.")
        if to < locked.clock_at:
            raise ConflictError(
                f"The clock moves forward only; it stands at {rfc3339(locked.clock_at)}."
            )
        if to != locked.clock_at:
            # Not through save(): a move of the clock is no change of configuration and makes no
            # history row.
            Project.objects.filter(pk=project.pk).update(clock_at=to)
    project.clock_at = to
