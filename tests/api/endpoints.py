"""Every endpoint of the API, from the URL resolver, and what the contract says of it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver
from drf_spectacular.generators import SchemaGenerator

from neruba.api.base import ApiView, OperatorView
from neruba.api.views import ProjectView

BASE = "api/v1/"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
PARAMETER = re.compile(r"<(?:\w+:)?(\w+)>")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A method of an address, such as POST customers/<str:external_id>."""

    method: str
    route: str
    view: type[ApiView]

    def __str__(self) -> str:
        return f"{self.method} {self.route}"

    @property
    def is_of_project(self) -> bool:
        """Whether API keys call it, too; else it is for operators, or public."""
        return issubclass(self.view, ProjectView)

    @property
    def is_public(self) -> bool:
        return issubclass(self.view, OperatorView) and self.method in self.view.public

    @property
    def scope(self) -> str:
        assert issubclass(self.view, ProjectView)
        return self.view.scopes[self.method]

    @property
    def parameters(self) -> list[str]:
        """The names in the address, each with the first word before it: "customers/external_id"."""
        collection = self.route.partition("/")[0]
        return [f"{collection}/{name}" for name in PARAMETER.findall(self.route)]


def endpoints() -> list[Endpoint]:
    """Every method of every address below /api/v1, in the order of the resolver."""
    return [
        Endpoint(method, route, view)
        for route, view in _routes(get_resolver().url_patterns, "")
        for method in methods_of(view)
    ]


def methods_of(view: type[ApiView]) -> list[str]:
    """The methods that it has. Those of a project each have a scope, no more and no fewer."""
    found = [method for method in METHODS if hasattr(view, method.lower())]
    if issubclass(view, ProjectView):
        assert set(found) == view.scopes.keys(), view
    return found


def _routes(
    patterns: list[URLPattern | URLResolver], before: str
) -> Iterator[tuple[str, type[ApiView]]]:
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from _routes(pattern.url_patterns, route)
        elif route.startswith(BASE):
            view: Any = getattr(pattern.callback, "view_class", None)
            known = ProjectView, OperatorView
            assert issubclass(view, known), f"{route} is neither a project's nor an operator's"
            yield route.removeprefix(BASE), view


@cache
def contract() -> dict[str, Any]:
    """The paths of the OpenAPI document."""
    generator: Any = SchemaGenerator
    found: dict[str, Any] = generator().get_schema(request=None, public=True)["paths"]
    return found


def operation(endpoint: Endpoint) -> dict[str, Any]:
    """What the contract says of it; nothing of a method that it does not have."""
    route = f"/{BASE}{endpoint.route}".replace("<str:", "{").replace(">", "}")
    found: dict[str, Any] = contract()[route].get(endpoint.method.lower(), {})
    return found


def assert_documented(endpoint: Endpoint, status: int) -> None:
    """Whatever is sent, the answer is one that the contract names."""
    answers = operation(endpoint).get("responses", {"405"})
    assert str(status) in answers, f"{endpoint} answers {status}, the contract has {set(answers)}"
