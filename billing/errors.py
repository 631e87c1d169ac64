"""Why billing refuses, or breaks off."""

from neruba.errors import InvariantError


class RepetitionDiffersError(InvariantError):
    """A document that is computed again comes out otherwise than it was issued."""
