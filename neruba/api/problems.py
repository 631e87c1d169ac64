"""Every error of the API as a problem document (RFC 9457).

DRF's and our own errors come through one handler. A fault of ours is a 500 with an `incident` id
that is in the log.
"""

import logging
import uuid
from typing import Any

from django.core.exceptions import RequestDataTooBig, SuspiciousOperation
from django.http import JsonResponse
from drf_standardized_errors.formatter import ExceptionFormatter
from drf_standardized_errors.handler import ExceptionHandler, exception_handler
from drf_standardized_errors.types import ErrorResponse
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.status import is_server_error

from neruba.api.throttles import refused_caller
from neruba.errors import NerubaError, RetryableError
from neruba.ops.requests import request_id

logger = logging.getLogger(__name__)

API = "/api/"
CONTENT_TYPE = "application/problem+json"
RETRY_AFTER_S = 1
TITLES = {
    400: "The request does not validate",
    401: "No or bad credential",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    406: "No such representation",
    411: "No Content-Length",
    413: "Too large",
    415: "Wrong content type",
    429: "Too many requests",
    500: "A fault of ours",
}


def problem(status: int, code: str, detail: str, **more: Any) -> dict[str, Any]:
    """The members of a problem document; `request_id` is that of the header X-Request-ID."""
    name = request_id()
    title = more.pop("title", None) or TITLES.get(status, "Request refused")
    return {
        "type": f"urn:neruba:problem:{code}",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code,
        **more,
        **({"request_id": name} if name else {}),
    }


class LengthRequiredError(exceptions.APIException):
    """Django reads no body of unknown length: it would be taken for an empty one."""

    status_code = 411
    default_code = "length_required"
    default_detail = "Send the body with a Content-Length, not in chunks."


class PayloadTooLargeError(exceptions.APIException):
    status_code = 413
    default_code = "too_large"
    default_detail = "The body is larger than this endpoint takes."


class RefusalError(exceptions.APIException):
    """A `NerubaError` on its way through DRF."""

    def __init__(self, error: NerubaError) -> None:
        super().__init__(error.detail, error.code)
        self.status_code = error.status
        self.error = error
        if isinstance(error, RetryableError):
            self.wait = RETRY_AFTER_S


class ProblemFormatter(ExceptionFormatter):
    """Errors of fields become `errors` with JSON pointers; all else is one detail."""

    def format_error_response(self, error_response: ErrorResponse) -> dict[str, Any]:
        status = self.exc.status_code
        if isinstance(self.exc, RefusalError):
            return problem_of(self.exc.error)
        if isinstance(self.exc, exceptions.ValidationError):
            errors = [
                {"pointer": _pointer(error.attr), "code": error.code, "detail": error.detail}
                for error in error_response.errors
            ]
            return problem(status, "invalid", _summary(errors), errors=errors)
        if is_server_error(status):
            incident = uuid.uuid4().hex
            logger.error("incident %s: %r", incident, self.original_exc)
            return problem(
                status, "internal", "Something went wrong on our side.", incident=incident
            )
        first = error_response.errors[0]
        return problem(status, first.code, first.detail)


def problem_of(error: NerubaError) -> dict[str, Any]:
    """A refusal of ours as a problem document."""
    more: dict[str, Any] = {"title": error.title, **error.params}
    if error.pointer is not None:
        more["errors"] = [{"pointer": error.pointer, "code": error.code, "detail": error.detail}]
    return problem(error.status, error.code, error.detail, **more)


def _pointer(attr: str | None) -> str:
    """The JSON pointer of a field; errors of the whole body point at the body."""
    if not attr:
        return ""
    parts = [part for part in attr.split("/") if part != "non_field_errors"]
    return "".join(f"/{part}" for part in parts)


def _summary(errors: list[dict[str, Any]]) -> str:
    first = errors[0]
    more = f" ({len(errors) - 1} more)" if len(errors) > 1 else ""
    where = f"{first['pointer']}: " if first["pointer"] else ""
    return f"{where}{first['detail']}{more}"


class ProblemHandler(ExceptionHandler):
    def convert_known_exceptions(self, exc: Exception) -> Exception:
        if isinstance(exc, NerubaError):
            return RefusalError(exc)
        if isinstance(exc, RequestDataTooBig):
            return PayloadTooLargeError()
        if isinstance(exc, SuspiciousOperation):  # more query parameters than Django reads
            return exceptions.ParseError(str(exc))
        return super().convert_known_exceptions(exc)


def problem_handler(exc: Exception, context: Any) -> Response | None:
    """DRF's `EXCEPTION_HANDLER`."""
    if isinstance(exc, exceptions.AuthenticationFailed | exceptions.NotAuthenticated):
        exc = refused_caller(exc, context["request"])
    response = exception_handler(exc, context)
    if response is not None:
        response.content_type = CONTENT_TYPE
    return response


def plain_problem(status: int, code: str, detail: str, **more: Any) -> JsonResponse:
    """A problem document outside of DRF."""
    return JsonResponse(
        problem(status, code, detail, **more), status=status, content_type=CONTENT_TYPE
    )
