"""Why billing refuses, or breaks off."""

from neruba.errors import ConflictError, InvariantError


class RepetitionDiffersError(InvariantError):
    """A document that is computed again comes out otherwise than it was issued."""


class BillsToComeError(ConflictError):
    """The customer will still be billed."""

    code = "bills_to_come"
    title = "The customer will still be billed"
