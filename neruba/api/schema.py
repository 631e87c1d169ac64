"""What drf-spectacular cannot see: every operation may answer with a problem document."""

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import OpenApiParameter

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
    "403": "The credential lacks the scope",
}
ON_WRITES = {
    "409": "The state forbids it, or the idempotency key is in use",
    "413": "Too large",
    "415": "Wrong content type",
    "422": "The idempotency key was used with another request",
    "503": "Busy, try again",
}


class NerubaSchema(AutoSchema):
    """Adds problem documents and the `Idempotency-Key` header to each operation."""

    def get_override_parameters(self) -> list[Any]:
        parameters = super().get_override_parameters()
        if self.method not in {"POST", "PATCH", "DELETE"}:
            return parameters
        header = OpenApiParameter(
            "Idempotency-Key",
            location=OpenApiParameter.HEADER,
            required=self.method in getattr(self.view, "needs_key", ()),
            description="Repeats of the request get the first answer, for 30 days.",
        )
        return [*parameters, header]

    def _get_response_bodies(self, direction: Any = "response") -> dict[str, Any]:
        bodies: dict[str, Any] = super()._get_response_bodies(direction)
        problems = dict(EVERYWHERE)
        if "{" in self.path or self.method in {"POST", "PATCH", "DELETE"}:
            problems["404"] = "No such thing in this project"
        if self.method in {"POST", "PATCH", "DELETE"}:
            problems |= ON_WRITES
        for status, description in problems.items():
            bodies.setdefault(
                status,
                {
                    "content": {"application/problem+json": {"schema": PROBLEM}},
                    "description": description,
                },
            )
        return bodies


class ApiKeyScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    target_class = "neruba.api.authentication.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        return {"type": "http", "scheme": "bearer", "bearerFormat": "nrb_…"}
