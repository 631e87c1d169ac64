"""Where a request comes from, for the audit history."""

from django.http import HttpRequest

from neruba.ops.requests import request_id


def origin_of(request: HttpRequest) -> tuple[str, str]:
    """The client's address and the request's id."""
    return request.META.get("REMOTE_ADDR", ""), request_id()
