"""Failed logins, and the lock-out that follows them. django-axes counts; here is what it asks.

A lock holds for an e-mail address from one network address. A network address with many failures
a minute, whatever the names, is refused until the minute is over.
"""

from datetime import datetime, timedelta
from math import ceil
from typing import Any

from axes.handlers.database import AxesDatabaseHandler
from axes.models import AccessAttempt, AccessFailureLog
from django.conf import settings
from django.contrib import admin
from django.contrib.auth import authenticate
from django.db.models import Max, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from neruba import clock
from neruba.api.problems import API, plain_problem
from neruba.models import User

MAX_NAME = 255
A_MINUTE = timedelta(minutes=1)


def name_given(request: HttpRequest, credentials: dict[str, Any] | None) -> str:
    """The e-mail address of a login as operators are found by it, so that no other spelling of it
    has attempts of its own.
    """
    given = credentials or {"username": request.POST.get("username")}
    name = given.get("username") or given.get("email") or ""
    return str(name).strip().lower()[:MAX_NAME]


def prove(request: HttpRequest, email: str, password: str) -> User | None:
    """The operator whose password this is; a wrong one counts as a failed login of theirs."""
    user = authenticate(request, username=email, password=password)
    return user if isinstance(user, User) else None


class LoginHandler(AxesDatabaseHandler):  # type: ignore[misc] # it has no types
    """Refuses in addition an address with many failures a minute; those that are refused are not
    counted, so that it ends by itself.
    """

    def is_locked(self, request: HttpRequest, credentials: dict[str, Any] | None = None) -> bool:
        return super().is_locked(request, credentials) or address_is_busy(request)


def address_is_busy(request: HttpRequest) -> bool:
    """Whether as many logins failed within a minute as one address may have."""
    limit = settings.RATE_LIMIT_ANONYMOUS
    if not limit:
        return False
    since = clock.wall() - A_MINUTE
    rows = AccessFailureLog.objects.filter(
        ip_address=request.META.get("REMOTE_ADDR") or None, attempt_time__gt=since
    )
    return int(rows[:limit].count()) >= limit


def locked_until(name: str, address: str | None) -> datetime | None:
    """Until when this e-mail address is refused from that network address; None if it is not."""
    since = clock.wall() - settings.AXES_COOLOFF_TIME
    rows = AccessAttempt.objects.filter(
        username=name, ip_address=address or None, attempt_time__gte=since
    )
    found = rows.aggregate(failures=Sum("failures_since_start"), last=Max("attempt_time"))
    if (found["failures"] or 0) < settings.AXES_FAILURE_LIMIT:
        return None
    until: datetime = found["last"] + settings.AXES_COOLOFF_TIME
    return until


def locked_out(
    request: HttpRequest, _response: HttpResponse | None, credentials: dict[str, Any] | None
) -> HttpResponse:
    """The answer to a login that is refused whatever its password: for how long, at most."""
    now = clock.wall()
    until = locked_until(name_given(request, credentials), request.META.get("REMOTE_ADDR"))
    wait = (until or now + A_MINUTE) - now
    seconds = max(1, ceil(wait / timedelta(seconds=1)))
    minutes = max(1, ceil(wait / A_MINUTE))
    words = f"Too many logins failed. Try again in {minutes} minute{'s' if minutes > 1 else ''}."
    if request.path_info.startswith(API):
        response: HttpResponse = plain_problem(429, "locked_out", words)
    else:
        context = {**admin.site.each_context(request), "words": words}
        response = render(request, "neruba/locked_out.html", context, status=429)
    response["Retry-After"] = str(seconds)
    return response
