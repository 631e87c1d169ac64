"""Grants that a sale paid for: frozen while its payment is disputed, taken back where it fails.

The caller holds the customer's lock. `origin` is how the ledger names the sale.
"""

from collections.abc import Sequence
from datetime import datetime

from ledger.models import Grant
from ledger.selectors.wallets import grant_balances, grants_of, next_occurrence
from ledger.services.journal import post_entry
from ledger.services.wallets import REVOKE, close_grant
from ledger.templates import AccountKey, OperationKey
from ledger.templates.credits import expired_moves, pack_unpaid_moves
from neruba.models import Project

UNPAID = "grant.unpaid"


def _standing(project: Project, origin: str) -> list[Grant]:
    return list(grants_of(project).filter(origin=origin, end=Grant.End.NONE))


def freeze_grants(*, project: Project, origin: str, dispute: str) -> list[str]:
    """Nothing is drawn on what the sale bought, and it does not expire, until the dispute (public
    id) is decided; returns the grants by public id.
    """
    frozen = [grant for grant in _standing(project, origin) if not grant.frozen_by]
    for grant in frozen:
        grant.frozen_by, grant.due_at = dispute, None
        grant.save(update_fields=["frozen_by", "due_at"])
    return [grant.public_id for grant in frozen]


def thaw_grants(*, project: Project, dispute: str) -> list[str]:
    """What the dispute froze can be drawn on again, and expires when it was to."""
    frozen = list(grants_of(project).filter(frozen_by=dispute))
    for grant in frozen:
        grant.frozen_by = ""
        grant.due_at = None if grant.end else grant.expires_at
        grant.save(update_fields=["frozen_by", "due_at"])
    return [grant.public_id for grant in frozen]


def unspent_of(project: Project, origin: str) -> list[tuple[AccountKey, int]]:
    """What is left of the prepaid grants of a sale, by account, in minor units above zero."""
    grants = [one for one in _standing(project, origin) if one.kind == Grant.Kind.PAID]
    left = grant_balances(grants)
    return [(one.key.account, left[one.pk]) for one in grants if left[one.pk]]


def grants_sold(project: Project, origin: str) -> list[Grant]:
    """The grants of a sale that have not ended, oldest first."""
    return _standing(project, origin)


def end_emptied(*, project: Project, origin: str) -> None:
    """Prepaid grants of a sale of which nothing is left have ended."""
    grants = [one for one in _standing(project, origin) if one.kind == Grant.Kind.PAID]
    left = grant_balances(grants)
    for grant in grants:
        if not left[grant.pk]:
            close_grant(grant)


def revoke_bonus(
    *, project: Project, origin: str, occurred_at: datetime, at: datetime, most_minor: int | None
) -> int:
    """Promotional credit of a sale goes back, never what was used, at most `most_minor` (None: all,
    and the grants end); returns how much.
    """
    grants = [one for one in _standing(project, origin) if one.kind == Grant.Kind.PROMOTIONAL]
    left = grant_balances(grants)
    taken = 0
    for grant in grants:
        minor = left[grant.pk] if most_minor is None else min(left[grant.pk], most_minor - taken)
        if minor:
            post_entry(
                project=project,
                key=_next(grant, REVOKE),
                moves=expired_moves(grant.key, minor),
                occurred_at=occurred_at,
                at=at,
            )
        taken += minor
        if most_minor is None:
            close_grant(grant)
    return taken


def take_back_sold(
    *, project: Project, origin: str, occurred_at: datetime, at: datetime
) -> Sequence[str]:
    """The payment of a sale failed after all: what is not spent is unpaid again, the bonus goes
    back, and the grants end; returns them by public id.
    """
    grants = _standing(project, origin)
    left = grant_balances(grants)
    for grant in grants:
        if grant.kind == Grant.Kind.PAID:
            if left[grant.pk]:
                post_entry(
                    project=project,
                    key=_next(grant, UNPAID),
                    moves=pack_unpaid_moves(grant.key, left[grant.pk], origin),
                    occurred_at=occurred_at,
                    at=at,
                )
            close_grant(grant)
    revoke_bonus(project=project, origin=origin, occurred_at=occurred_at, at=at, most_minor=None)
    return [grant.public_id for grant in grants]


def _next(grant: Grant, kind: str) -> OperationKey:
    return OperationKey(
        kind, grant.public_id, next_occurrence(grant.project, kind, grant.public_id)
    )
