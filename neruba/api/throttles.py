"""How many requests a minute a credential may make, and how many refused ones an address.

Fixed windows of a minute of the real clock: around the turn of a minute there can be twice as many.
"""

import math
from typing import Any, TypeVar

from django.conf import settings
from rest_framework.exceptions import APIException, Throttled
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from neruba import clock
from neruba.rate_counter import WINDOW_S, count_in_window

Refusal = TypeVar("Refusal", bound=APIException)


def _seconds_left(now_s: float) -> int:
    """Until the next window begins; at least 1."""
    return max(1, math.ceil(WINDOW_S - now_s % WINDOW_S))


class CallerThrottle(BaseThrottle):
    """Requests with a valid credential, counted by its prefix."""

    def allow_request(self, request: Request, view: Any) -> bool:
        self.now_s = clock.wall().timestamp()
        prefix = getattr(getattr(request.auth, "token", request.auth), "prefix", None)
        limit = settings.RATE_LIMIT
        return not limit or prefix is None or count_in_window(prefix, self.now_s) <= limit

    def wait(self) -> int:
        return _seconds_left(self.now_s)


def refused_caller(refusal: Refusal, request: Request) -> Refusal | Throttled:
    """What a caller without a valid credential is answered: the refusal, or that it comes too
    often. Refused requests alone are counted, by address, so that who has a valid credential is not
    held up by others behind the same address.
    """
    now_s, limit = clock.wall().timestamp(), settings.RATE_LIMIT_ANONYMOUS
    address = request.META.get("REMOTE_ADDR", "")
    if limit and count_in_window(f"refused:{address}", now_s) > limit:
        return Throttled(_seconds_left(now_s))
    return refusal
