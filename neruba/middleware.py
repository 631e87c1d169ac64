"""What holds for every request: the address it comes from, and the headers of its answer."""

from collections.abc import Callable
from ipaddress import ip_address

from csp.middleware import CSPMiddleware, PolicyParts
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase

from neruba import clock

RENEWED_AT = "neruba_renewed_at"
RENEW_AFTER_S = 300
Handler = Callable[[HttpRequest], HttpResponse]


class ClientAddressMiddleware:
    """`REMOTE_ADDR` becomes the address that the outermost of `NERUBA_PROXIES` trusted proxies saw.

    Each proxy appends to `X-Forwarded-For` the address that it saw, so that the last entries alone
    are of trusted hands: the n-th from the right was written by the outermost of n. What stands
    left of it is the caller's own writing. Where there are fewer, or what stands there is no
    address, the request came another way, and keeps the address of its connection.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if settings.PROXIES:
            seen = request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")
            if len(seen) >= settings.PROXIES:
                self._take(request, seen[-settings.PROXIES].strip())
        return self.get_response(request)

    def _take(self, request: HttpRequest, text: str) -> None:
        try:
            request.META["REMOTE_ADDR"] = str(ip_address(text))
        except ValueError:
            return


class HeadersMiddleware:
    """Answers are kept by no cache: they show persons, amounts, and new keys."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Cache-Control", "no-store")
        response.headers.setdefault("Permissions-Policy", settings.PERMISSIONS_POLICY)
        return response


class RollingSessionMiddleware:
    """A session that is used goes on. It is renewed once in some minutes, not at every click, which
    would cost a write for each page.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        session = request.session
        if session.accessed and not session.is_empty():
            now_s = int(clock.wall().timestamp())
            if session.get(RENEWED_AT, 0) + RENEW_AFTER_S <= now_s:
                session[RENEWED_AT] = now_s
        return response


class ContentPolicyMiddleware(CSPMiddleware):
    """The policy of the address, unless the view gave its answer one of its own."""

    def get_policy_parts(
        self,
        request: HttpRequest,
        response: HttpResponseBase,
        report_only: bool = False,  # noqa: FBT001, FBT002 - the library's signature
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only)
        if parts.config is None and not report_only:
            for prefix, policy in settings.CONTENT_SECURITY_POLICIES.items():
                if request.path_info.startswith(prefix):
                    parts.config = policy
        return parts
