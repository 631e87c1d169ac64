"""Logins, logouts and changed passwords, in the audit history of the installation."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect

from neruba import clock
from neruba.actor import Actor
from neruba.models import User
from neruba.origin import origin_of
from neruba.services.audit import record


def listen() -> None:
    """Called once, when the apps are ready."""
    user_logged_in.connect(_logged_in, dispatch_uid="neruba.sessions.in")
    user_logged_out.connect(_logged_out, dispatch_uid="neruba.sessions.out")


def _logged_in(request: HttpRequest, user: User, **_kwargs: Any) -> None:
    _note(request, user, "operator.login")


def _logged_out(request: HttpRequest, user: User | None, **_kwargs: Any) -> None:
    if user is not None:
        _note(request, user, "operator.logout")


def change_password(request: HttpRequest) -> HttpResponse:
    """Django's own page, and the audit row where it changed the password."""
    response = admin.site.password_change(request)
    assert isinstance(request.user, User)
    if request.method == "POST" and isinstance(response, HttpResponseRedirect):
        _note(request, request.user, "operator.password")
    return response


def _note(request: HttpRequest, user: User, action: str) -> None:
    record(
        project=None,
        actor=Actor("operator", user.email, *origin_of(request)),
        action=action,
        on=("operator", user.email),
        at=clock.wall(),
    )
