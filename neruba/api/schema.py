"""What drf-spectacular cannot see: every operation may answer with a problem document."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent
from drf_spectacular.utils import OpenApiParameter

from neruba.api.authentication import PROJECT_HEADER
from neruba.api.base import OperatorView
from neruba.api.views import WRITING, ProjectView

PROBLEM = {
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string"},
        "incident": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["pointer", "code", "detail"],
                "properties": {
                    "pointer": {"type": "string"},
                    "code": {"type": "string"},
                    "detail": {"type": "string"},
                },
            },
        },
    },
}
EVERYWHERE = {
    "400": "The request does not validate",
    "401": "No or bad credential",
    "403": "The credential lacks the scope, or the role does not allow it",
    "404": "No such thing in this project, or no such project for this operator",
    "406": "Only JSON is answered",
    "413": "Too large",
    "429": "Too many requests; try again after as many seconds as Retry-After says",
}
ON_WRITES = {
    "409": "The state forbids it, or the idempotency key is in use",
    "411": "A body without Content-Length",
    "415": "Wrong content type",
    "503": "Busy, try again",
}
WITH_KEYS = {"422": "The idempotency key was used with another request"}
WAITING = {"429", "503"}
RETRY_AFTER = {"schema": {"type": "integer", "minimum": 1}, "description": "Seconds."}


class NerubaSchema(AutoSchema):
    """Adds problem documents and the `Idempotency-Key` header to each operation."""

    def get_override_parameters(self) -> list[Any]:
        parameters = super().get_override_parameters()
        if self.method not in WRITING or not isinstance(self.view, ProjectView):
            return parameters
        header = OpenApiParameter(
            "Idempotency-Key",
            location=OpenApiParameter.HEADER,
            required=self.method in self.view.needs_key,
            description="Repeats of the request get the first answer, for 30 days.",
        )
        return [*parameters, header]

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        problems = dict(EVERYWHERE)
        if self.method in WRITING:
            problems |= ON_WRITES | (WITH_KEYS if isinstance(self.view, ProjectView) else {})
        problem = ResolvedComponent(  # type: ignore[no-untyped-call]
            "Problem", ResolvedComponent.SCHEMA, schema=PROBLEM, object="Problem"
        )
        self.registry.register_on_missing(problem)
        for status, description in problems.items():
            body: dict[str, Any] = {
                "content": {"application/problem+json": {"schema": problem.ref}},
                "description": description,
            }
            if status in WAITING:
                body["headers"] = {"Retry-After": RETRY_AFTER}
            bodies.setdefault(status, body)
        return bodies


class BearerScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """An API key; or an operator's token, with the project where the address does not name it."""

    target_class = "neruba.api.authentication.BearerAuthentication"
    name = ["apiKey", "operatorToken", "project"]

    def get_security_requirement(self, auto_schema: AutoSchema) -> list[dict[str, list[Any]]]:
        view, operator = auto_schema.view, {"operatorToken": list[Any]()}
        if isinstance(view, OperatorView):
            return [] if auto_schema.method in view.public else [operator]
        if "{slug}" not in auto_schema.path:
            operator["project"] = []
        return [{"apiKey": []}, operator]

    def get_security_definition(self, auto_schema: AutoSchema) -> list[dict[str, Any]]:
        return [
            {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "nrb_…",
                "description": "An API key, which names its project.",
            },
            {
                "type": "http",
                "scheme": "bearer",
                "bearerFormat": "nro_…",
                "description": "An operator's token of `POST /api/v1/auth/token`. What it may do "
                "follows from the operator's role in the project.",
            },
            {
                "type": "apiKey",
                "in": "header",
                "name": PROJECT_HEADER,
                "description": "The slug of the project, beside an operator's token.",
            },
        ]
