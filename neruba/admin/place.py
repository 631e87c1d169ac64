"""Where an operator stands: one project at a time, which the whole console then shows.

An operator's own projects are those of their memberships; the choice is kept in the session, and
an only membership needs none. A superuser is no member of everything: they enter a project for an
hour, with a reason, which stands in its audit history.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Model, QuerySet
from django.http import HttpRequest

from neruba import clock
from neruba.models import Membership, Project, User
from neruba.roles import Role

CHOSEN = "neruba_project"
ENTERED_UNTIL = "neruba_entered_until"
ENTERED_FOR = timedelta(hours=1)


@dataclass(slots=True)
class Place:
    """The project, or none; the role there, or none for a superuser who entered it."""

    project: Project | None = None
    role: Role | None = None
    entered_until: datetime | None = None
    permissions: set[str] | None = None


def place_of(request: HttpRequest) -> Place:
    """Where the operator of this request stands; found once a request, and never remembered longer:
    a membership that ends, ends at the next click.
    """
    user: Any = request.user
    place: Place | None = getattr(user, "place", None)
    if place is None:
        place = _found(request) if user.is_authenticated else Place()
        user.place = place
    return place


def project_of(request: HttpRequest) -> Project | None:
    """The project that the console shows."""
    return place_of(request).project


def memberships_of(user: User) -> QuerySet[Membership]:
    return Membership.objects.filter(user=user).select_related("project").order_by("project__slug")


def _found(request: HttpRequest) -> Place:
    assert isinstance(request.user, User)
    chosen: int = request.session.get(CHOSEN, 0)
    members = {one.project_id: one for one in memberships_of(request.user)}
    member = members.get(chosen)
    if member is None and len(members) == 1 and not _entered(request):
        member = next(iter(members.values()))
    if member is not None:
        return Place(member.project, Role(member.role))
    if request.user.is_superuser and (until := _entered(request)):
        return Place(Project.objects.filter(pk=chosen).first(), None, until)
    return Place()


def _entered(request: HttpRequest) -> datetime | None:
    """Until when a superuser has entered the chosen project; None when that is over."""
    text = request.session.get(ENTERED_UNTIL)
    until = datetime.fromisoformat(text) if text else None
    return until if until is not None and until > clock.wall() else None


def stand_in(request: HttpRequest, project: Project, *, until: datetime | None = None) -> None:
    """Show this project from the next page on; `until` for a superuser who enters it."""
    request.session[CHOSEN] = project.pk
    request.session[ENTERED_UNTIL] = until.isoformat() if until else None


def leave(request: HttpRequest) -> None:
    """Stand nowhere."""
    request.session.pop(CHOSEN, None)
    request.session.pop(ENTERED_UNTIL, None)


def in_place(rows: QuerySet[Any], request: HttpRequest, path: str | None) -> QuerySet[Any]:
    """Those of the project where the operator stands; `path` leads from a row to its project, and
    None says that the rows belong to the installation.
    """
    if path is None:
        return rows
    project = project_of(request)
    return rows.none() if project is None else rows.filter(**{path: project.pk})


def is_in_place(row: Model, request: HttpRequest) -> bool:
    """Whether a row that was not read through `in_place` is of the project."""
    return getattr(row, "project_id", None) == getattr(project_of(request), "pk", 0)
