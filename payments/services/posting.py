"""Posting a fact about a payment once, whenever and however often it is told."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from ledger.selectors.journal import moves_of_keys
from ledger.services.journal import post_entry
from ledger.templates import Move, OperationKey
from neruba.models import Project


@dataclass(frozen=True, slots=True)
class Moment:
    """When something happened, for the books (`occurred_at`), and when we learned of it (`at`)."""

    occurred_at: datetime
    at: datetime


def moment(project: Project, happened_at: datetime | None, at: datetime) -> Moment:
    """A sandbox keeps its own time, which the provider does not know: there it happens when we
    learn of it. So it does where the provider does not say when.
    """
    is_known = happened_at is not None and project.clock_at is None
    return Moment(min(happened_at, at) if happened_at is not None and is_known else at, at)


def is_posted(project: Project, key: OperationKey) -> bool:
    """Whether an entry stands under the key."""
    return bool(moves_of_keys(project, [key]))


def post_once(project: Project, key: OperationKey, moves: Sequence[Move], when: Moment) -> bool:
    """Write the entry unless one stands under its key; whether it was written. The caller holds the
    lock of what the key is about.
    """
    if is_posted(project, key):
        return False
    post_entry(project=project, key=key, moves=moves, occurred_at=when.occurred_at, at=when.at)
    return True
