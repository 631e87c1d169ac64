"""Why a failed event is not resubmitted, discarded or reopened."""

from neruba.errors import ConflictError, InvalidError


class StillFailingError(InvalidError):
    """The body is refused as an event; `fault` is the code of the fault."""

    code = "still_failing"
    title = "It cannot be accepted as an event"


class IdentityTakenError(ConflictError):
    """Other content was accepted under the body's identity."""

    code = "identity_taken"
    title = "An event with this identity stands with other content"


class FailedEventStateError(ConflictError):
    """Someone has resubmitted or discarded it before, or nobody has discarded it."""

    code = "failed_event_state"
    title = "The state of the failed event forbids it"
