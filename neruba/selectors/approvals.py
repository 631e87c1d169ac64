"""Requests for a second person: by what has become of them, and for whom they wait."""

from collections.abc import Set
from datetime import datetime

from django.db.models import Q, QuerySet

from neruba.approvals import DECIDE, kind_of
from neruba.models import Approval, Project
from neruba.models.approval import STANDS
from neruba.money import Money
from neruba.roles import ROLES, Role

# What nobody decided on in time: no state of the row, since time alone brings it about.
LAPSED = "lapsed"
STATES = [*Approval.State.values, LAPSED]
MAX_WAITING = 1000


def state_of(approval: Approval, at: datetime) -> str:
    """The state at the project's time `at`: one of STATES."""
    return LAPSED if approval.has_lapsed(at) else str(approval.state)


def in_state(rows: QuerySet[Approval], state: str, *, at: datetime) -> QuerySet[Approval]:
    """Those of `rows` of which `state_of` says this state."""
    if state not in (LAPSED, Approval.State.REQUESTED):
        return rows.filter(state=state)
    lapsed = Q(asked_at__lt=at - STANDS)
    return rows.filter(lapsed if state == LAPSED else ~lapsed, state=Approval.State.REQUESTED)


def waiting_for(
    *, project: Project, name: str, role: Role, permissions: Set[str], at: datetime
) -> int:
    """How many requests the operator of this name could approve now: not their own, within the
    limit of their role, and of acts that they have the right to. At most 1,000 are looked at.
    """
    if DECIDE not in permissions:
        return 0
    rows = in_state(Approval.objects.filter(project=project), Approval.State.REQUESTED, at=at)
    rows = rows.exclude(asked_by=name).order_by("id")
    rights, count = ROLES[role], 0
    columns = "operation", "amount_minor", "currency"
    for operation, minor, currency in rows.values_list(*columns)[:MAX_WAITING]:
        kind = kind_of(operation)
        if kind is not None and kind.permission in permissions:
            count += rights.covers(Money(minor, currency))
    return count
