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


class ArchiveError(ConflictError):
    """What old events carried rests in a file that cannot be read: usage of their time is not
    known, and nothing is computed without it.
    """


class ArchiveMissingError(ArchiveError):
    """The file is not in the folder of archives."""

    code = "archive_missing"
    title = "The events are archived in a file that is not at hand"


class ArchiveDamagedError(ArchiveError):
    """The file is not the one that was written."""

    code = "archive_damaged"
    title = "The events are archived in a file that was changed"


class RetentionError(ConflictError):
    """Something still needs events of that time."""

    code = "events_needed"
    title = "Events of that time are still needed"
