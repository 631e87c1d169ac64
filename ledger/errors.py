"""Why the books refuse an entry."""

from neruba.errors import ConflictError, KeyReusedError, NotFoundError


class OperationKeyReusedError(KeyReusedError):
    """The operation key belongs to an entry with other content."""

    code = "operation_key_reused"
    status = 409
    title = "The fact is in the books with other content"


class BalanceTooLowError(ConflictError):
    """The entry would take an account with a floor below zero."""

    code = "balance_too_low"
    title = "The balance does not suffice"


class AlreadyReversedError(ConflictError):
    """Another entry has reversed this one."""

    code = "already_reversed"
    title = "The entry is reversed already"


class EntryNotFoundError(NotFoundError):
    """No entry stands under this operation key."""

    code = "entry_not_found"


class GrantEndedError(ConflictError):
    """The grant expired or was revoked whole."""

    code = "grant_ended"
    title = "The grant has ended"


class GrantFrozenError(ConflictError):
    """A dispute over the payment that bought it is open."""

    code = "grant_frozen"
    title = "The grant is frozen by a dispute"
