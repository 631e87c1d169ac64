"""Choosing the project that the console shows: an explicit step, audited for superusers."""

from functools import partial

from django.contrib import admin, messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.views.decorators.http import require_http_methods

from neruba import clock
from neruba.admin.dialogs import MAX_REASON, operator
from neruba.admin.place import leave, memberships_of, place_of, stand_in
from neruba.edge import run_atomic
from neruba.errors import NerubaError
from neruba.models import Project, User
from neruba.services.crossing import enter_project

SHOWN = 50


@require_http_methods(["GET", "POST"])
def choose_project(request: HttpRequest) -> HttpResponse:
    """The projects of the operator, and for a superuser all others, which are entered."""
    assert isinstance(request.user, User)
    if request.method == "POST":
        return _choose(request, request.user)
    return TemplateResponse(request, "neruba/choose.html", _context(request, request.user))


def choices(request: HttpRequest, user: User) -> dict[str, object]:
    """What there is to choose from, as the first page and the chooser show it."""
    members = list(memberships_of(user))
    term = request.GET.get("q", "").strip()
    others = Project.objects.none()
    if user.is_superuser:
        mine = [one.project_id for one in members]
        others = Project.objects.exclude(pk__in=mine).filter(slug__startswith=term)
    return {
        "place": place_of(request),
        "members": members,
        "others": others.order_by("slug")[:SHOWN],
        "may_enter": user.is_superuser,
        "has_more": user.is_superuser and others.count() > SHOWN,
        "term": term,
        "max_reason": MAX_REASON,
    }


def _context(request: HttpRequest, user: User) -> dict[str, object]:
    title = {"title": "Choose a project"}
    return {**admin.site.each_context(request), **title, **choices(request, user)}


def _choose(request: HttpRequest, user: User) -> HttpResponse:
    if "leave" in request.POST:
        leave(request)
        return redirect("choose_project")
    slug = request.POST.get("project", "")
    member = memberships_of(user).filter(project__slug=slug).first()
    if member is not None:
        stand_in(request, member.project)
        return redirect("admin:index")
    project = Project.objects.filter(slug=slug).first() if user.is_superuser else None
    if project is None:
        raise Http404
    work = partial(
        enter_project,
        project=project,
        user=user,
        reason=request.POST.get("reason", "")[:MAX_REASON],
        actor=operator(request),
        at=clock.now(project),
        wall=clock.wall(),
    )
    try:
        until = run_atomic(work)
    except NerubaError as error:
        messages.error(request, error.detail)
        return redirect("choose_project")
    stand_in(request, project, until=until)
    return redirect("admin:index")
