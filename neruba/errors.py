"""The errors that callers see. Each class is one kind of refusal; the API turns it into a problem
document.

Pure: no Django. Apps define their own subclasses in their `errors.py`.
"""

from typing import ClassVar


class NerubaError(Exception):
    """A refusal with a reason for the caller: nothing was changed."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 400
    title: ClassVar[str] = "Request refused"

    def __init__(self, detail: str, *, pointer: str | None = None, **params: str) -> None:
        super().__init__(detail)
        self.detail = detail
        self.pointer = pointer
        self.params = params


class InvalidError(NerubaError):
    """The content does not validate. `pointer` is the JSON pointer of the field at fault."""

    code = "invalid"
    title = "The request does not validate"


class UnsupportedError(InvalidError):
    """Valid by the contract, but this version of Neruba does not do it yet."""

    code = "unsupported"
    title = "Not supported by this version"


class NotFoundError(NerubaError):
    """No such thing in this project; another project's things do not exist here."""

    code = "not_found"
    status = 404
    title = "Not found"


class ConflictError(NerubaError):
    """The state of the thing forbids it."""

    code = "conflict"
    status = 409
    title = "The state forbids it"


class RefusedError(NerubaError):
    """The caller's role or scope does not allow it."""

    code = "refused"
    status = 403
    title = "Not allowed"


class CustomerErasedError(ConflictError):
    """The customer's identity was erased: nobody is there any more to change or to bill."""

    code = "customer_erased"
    title = "The customer was erased"


class KeyInUseError(ConflictError):
    """The same idempotency key is still being worked on by another request."""

    code = "idempotency_key_in_use"


class KeyReusedError(NerubaError):
    """An idempotency key came back with another request."""

    code = "idempotency_key_reused"
    status = 422
    title = "The idempotency key was used with another request"


class RetryableError(NerubaError):
    """The same request may succeed in a moment (lock wait, deadlock that outlived its retries)."""

    code = "busy"
    status = 503
    title = "Busy, try again"


class LeaseLostError(RetryableError):
    """The work was taken over by another worker, who does it now."""

    code = "lease_lost"


class InvariantError(AssertionError):
    """Books or amounts that must agree do not: a fault of ours, never an answer to the caller."""
