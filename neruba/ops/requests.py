"""One request: its id, its line in the log, its place in the metrics."""

import re
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import structlog
from django.http import HttpRequest, HttpResponse

from neruba.models import ApiKey, OperatorToken
from neruba.ops.counters import LATENCY, REQUESTS

HEADER = "X-Request-ID"
# What callers may choose: it goes into logs, headers and messages as it is.
SANE = re.compile(r"[A-Za-z0-9._:+=@/-]{1,64}")
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
PROBES = ("health/live", "health/ready", "metrics")
FAULT = 500

logger = structlog.get_logger(__name__)


def request_id() -> str:
    """The id of the request that is being answered, or that sent the task at work; else ''."""
    return str(structlog.contextvars.get_contextvars().get("request_id", ""))


class RequestMiddleware:
    """Takes the caller's X-Request-ID where it is sane, else makes one; returns it; logs one line.

    A line has the route, never the address: queries and paths name persons.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self._get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get(HEADER, "")
        name = given if SANE.fullmatch(given) else uuid4().hex
        started = time.perf_counter()
        # Of its own: a thread or a test may have left something of the one before.
        structlog.contextvars.clear_contextvars()
        with structlog.contextvars.bound_contextvars(request_id=name):
            response = self._get_response(request)
            _note(request, response, time.perf_counter() - started)
        response[HEADER] = name
        return response


def _note(request: HttpRequest, response: HttpResponse, seconds: float) -> None:
    route, status = route_of(request), response.status_code
    method = request.method if request.method in METHODS else "other"
    counted = group_of(route)
    REQUESTS.labels(counted, method, str(status)).inc()
    LATENCY.labels(counted, method).observe(seconds)
    write = logger.error if status >= FAULT and route not in PROBES else logger.info
    if route in PROBES and status < FAULT:
        write = logger.debug
    write(
        "request",
        method=method,
        route=route,
        status=status,
        duration_ms=round(seconds * 1000, 1),
        **_caller(request),
    )


def route_of(request: HttpRequest) -> str:
    """The pattern that matched, with names for what varies; `unmatched` where none did."""
    match = request.resolver_match
    return "unmatched" if match is None else match.route


def group_of(route: str) -> str:
    """The route as a label: the console's hundreds of pages are one."""
    return "admin/" if route.startswith("admin/") else route


def _caller(request: HttpRequest) -> dict[str, Any]:
    """Who called, where that is known anyhow: nothing is asked of the database for a line."""
    auth = getattr(request, "auth", None)
    if isinstance(auth, ApiKey):
        return {"project": auth.project.slug, "key": auth.prefix}
    token = getattr(auth, "token", None)
    if isinstance(token, OperatorToken):
        project = getattr(auth, "project", None)
        return {"project": getattr(project, "slug", None), "operator": token.user_id}
    operator = getattr(request, "_cached_user", None)
    return {"operator": operator.pk} if operator is not None and operator.pk else {}
