"""Where an operator stands: one project at a time, which the whole console then shows.

An operator's own projects are those of their memberships; the choice is kept in the session, and
an only membership needs none. A superuser is no member of everything: they enter a project for an
hour, with a reason, which stands in its audit history.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from django.db.models import OuterRef, QuerySet, Subquery
from django.http import HttpRequest, HttpResponse

from neruba import clock
from neruba.models import Membership, Project, User
from neruba.roles import Role
from neruba.services.roles import permissions_of

CONSOLE = "/admin/"
CHOSEN = "neruba_project"
ENTERED_UNTIL = "neruba_entered_until"


@dataclass
class Place:
    """The project, or none; the role there, or none for a superuser who entered it."""

    project: Project | None = None
    role: Role | None = None
    entered_until: datetime | None = None

    @cached_property
    def permissions(self) -> set[str]:
        """What the role allows, as `app.code`."""
        return set() if self.role is None else permissions_of(self.role)


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


def acting_role(request: HttpRequest) -> Role:
    """As what the operator decides here: a superuser who entered decides as an owner."""
    return place_of(request).role or Role.OWNER


def memberships_of(user: User) -> QuerySet[Membership]:
    return Membership.objects.filter(user=user).select_related("project").order_by("project__slug")


def _found(request: HttpRequest) -> Place:
    assert isinstance(request.user, User)
    user, until = request.user, _entered(request)
    chosen: int | None = request.session.get(CHOSEN)
    if chosen is not None:
        role = Membership.objects.filter(user=user, project=OuterRef("pk")).values("role")
        project = Project.objects.filter(pk=chosen).annotate(role=Subquery(role)).first()
        if project is not None and project.role is not None:
            return Place(project, Role(project.role))
        if project is not None and user.is_superuser and until is not None:
            return Place(project, None, until)
        # What was chosen is over: the next place is chosen again, never slipped into.
        return Place()
    members = list(memberships_of(user)[:2])
    # An only membership needs no choice.
    return Place(members[0].project, Role(members[0].role)) if len(members) == 1 else Place()


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


def may_choose(request: HttpRequest) -> bool:
    """Whether the operator stands nowhere and has projects to choose from."""
    if project_of(request) is not None:
        return False
    user = request.user
    return isinstance(user, User) and (user.is_superuser or memberships_of(user).exists())


class PlaceMiddleware:
    """Finds the place before anything in the console asks for a permission."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.path.startswith(CONSOLE):
            place_of(request)
        return self.get_response(request)
