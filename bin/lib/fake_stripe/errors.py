"""Refusals in the shape that Stripe gives them."""

from typing import Any


class StripeRefusal(Exception):  # noqa: N818 - the error object is Stripe's, this carries it
    """One answer that is not 200. `kept`: an idempotency key replays it, since the work had begun;
    what fails on its parameters alone is not kept.
    """

    def __init__(
        self,
        status: int,
        kind: str,
        message: str,
        *,
        code: str | None = None,
        param: str | None = None,
        kept: bool = False,
        **more: Any,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.kept = kept
        self.error: dict[str, Any] = {"type": kind, "message": message}
        if code:
            self.error["code"] = code
        if param:
            self.error["param"] = param
        self.error.update(more)


def invalid(message: str, *, code: str | None = None, param: str | None = None) -> StripeRefusal:
    return StripeRefusal(400, "invalid_request_error", message, code=code, param=param)


def wrong_state(message: str, code: str, **more: Any) -> StripeRefusal:
    return StripeRefusal(400, "invalid_request_error", message, code=code, kept=True, **more)


def missing(param: str) -> StripeRefusal:
    return invalid(f"Missing required param: {param}.", code="parameter_missing", param=param)


def unknown(param: str) -> StripeRefusal:
    return invalid(f"Received unknown parameter: {param}", code="parameter_unknown", param=param)


def no_such(noun: str, key: str, *, param: str = "id", status: int = 404) -> StripeRefusal:
    """404 where the id stands in the path, 400 where it is a parameter."""
    return StripeRefusal(
        status,
        "invalid_request_error",
        f"No such {noun}: '{key}'",
        code="resource_missing",
        param=param,
    )
