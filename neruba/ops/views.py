"""`/health/live`, `/health/ready`, `/metrics`. Nobody logs in there, and no project's data are
shown.
"""

import secrets
from dataclasses import asdict

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST

from neruba import clock
from neruba.ops.health import PARTS, check_parts
from neruba.ops.metrics import exposition

LOOPBACK = frozenset({"127.0.0.1", "::1"})
# Where one of them stands, a proxy is between, and the peer's address is the proxy's.
FORWARDED = ("X-Forwarded-For", "Forwarded", "X-Real-IP")


@never_cache
@require_safe
def live(_request: HttpRequest) -> JsonResponse:
    """The process answers. Touches nothing else: who restarts it for a database that is away
    mends nothing.
    """
    return JsonResponse({"status": "live"})


@never_cache
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """Whether every part works, or those that `?parts=` names with commas; 503 where one does
    not.
    """
    wanted = request.GET.get("parts", ",".join(PARTS)).split(",")
    if unknown := sorted(set(wanted) - PARTS.keys()):
        detail = f"There is no part {unknown[0][:40]!r}. Parts: {', '.join(PARTS)}."
        return JsonResponse({"status": "unknown", "detail": detail}, status=400)
    checks = check_parts(wanted, at=clock.wall())
    sound = all(check.ok for check in checks)
    body = {"status": "ready" if sound else "not_ready", "checks": [asdict(c) for c in checks]}
    answer = JsonResponse(body, status=200 if sound else 503)
    # What Django would log of a 503 is an error; here it is an answer.
    answer._has_been_logged = True  # type: ignore[attr-defined]  # noqa: SLF001
    return answer


@never_cache
@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus' text. With NERUBA_METRICS_TOKEN for its bearer; without it on the embedded
    profile for this machine, in production for nobody.
    """
    if settings.METRICS_TOKEN:
        if not _has_token(request):
            refused = HttpResponse("The token of NERUBA_METRICS_TOKEN is needed.\n", status=401)
            refused["WWW-Authenticate"] = "Bearer"
            return refused
    elif settings.PROFILE == "production" or not _is_local(request):
        return HttpResponse("Set NERUBA_METRICS_TOKEN to open this address.\n", status=404)
    return HttpResponse(exposition(at=clock.wall()), content_type=CONTENT_TYPE_LATEST)


def _has_token(request: HttpRequest) -> bool:
    kind, _, token = request.headers.get("Authorization", "").partition(" ")
    wanted = settings.METRICS_TOKEN.encode()
    return kind.lower() == "bearer" and secrets.compare_digest(token.strip().encode(), wanted)


def _is_local(request: HttpRequest) -> bool:
    forwarded = any(name in request.headers for name in FORWARDED)
    return not forwarded and request.META.get("REMOTE_ADDR") in LOOPBACK
