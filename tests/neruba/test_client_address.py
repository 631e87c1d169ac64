"""The address of a caller behind proxies is what trusted proxies saw, never what it says itself."""

from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory
from pytest_django import Settings

from neruba.middleware import ClientAddressMiddleware

CONNECTION = "10.0.0.1"


def address(settings: Settings, proxies: int, forwarded: str | None) -> str:
    settings.PROXIES = proxies
    seen: list[str] = []

    def view(request: HttpRequest) -> HttpResponse:
        seen.append(request.META["REMOTE_ADDR"])
        return HttpResponse()

    headers: dict[str, Any] = {} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded}
    ClientAddressMiddleware(view)(RequestFactory().get("/", REMOTE_ADDR=CONNECTION, **headers))
    return seen[0]


def test_without_proxies_what_a_caller_says_of_itself_is_not_believed(
    settings: Settings,
) -> None:
    assert address(settings, 0, "192.0.2.7") == CONNECTION


@pytest.mark.parametrize(
    ("proxies", "forwarded", "expected"),
    [
        (1, "192.0.2.7", "192.0.2.7"),
        (1, "203.0.113.9, 192.0.2.7", "192.0.2.7"),  # the first one is the caller's own writing
        (2, "192.0.2.7, 10.0.0.2", "192.0.2.7"),
        (2, "203.0.113.9,203.0.113.8, 192.0.2.7 ,10.0.0.2", "192.0.2.7"),
        (1, "2001:DB8::0:1", "2001:db8::1"),
    ],
)
def test_the_entry_that_the_outermost_trusted_proxy_wrote_counts(
    settings: Settings, proxies: int, forwarded: str, expected: str
) -> None:
    assert address(settings, proxies, forwarded) == expected


@pytest.mark.parametrize("forwarded", [None, "", "192.0.2.7", "unknown, 10.0.0.2", "1' OR, x"])
def test_a_request_that_came_another_way_keeps_its_connections_address(
    settings: Settings, forwarded: str | None
) -> None:
    assert address(settings, 2, forwarded) == CONNECTION
