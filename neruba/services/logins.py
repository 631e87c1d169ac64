"""What is written of logins beside the counting, which is django-axes'."""

from datetime import datetime, timedelta

from axes.models import AccessAttempt, AccessFailureLog
from django.contrib.sessions.models import Session
from django.db import transaction

from neruba.actor import Actor
from neruba.errors import ConflictError
from neruba.services.audit import record

KEEP_FAILURES = timedelta(days=90)


def unlock(*, name: str, address: str | None, actor: Actor, wall: datetime, reason: str) -> int:
    """Forget the failures of an e-mail address from one network address; how many there were.

    Raises ConflictError where there is none any more. `wall` is the real time.
    """
    with transaction.atomic():
        rows = AccessAttempt.objects.filter(username=name, ip_address=address)
        failures = sum(rows.values_list("failures_since_start", flat=True))
        if not rows.delete()[0]:
            raise ConflictError("There are no failures of it any more.")
        record(
            project=None,
            actor=actor,
            action="operator.unlocked",
            on=("operator", name),
            at=wall,
            reason=reason,
            details={"address": address or "", "failures": failures},
        )
    return int(failures)


def forget_logins(*, wall: datetime) -> int:
    """Forget failed logins of more than 90 days ago, and sessions that are over; how many rows."""
    failures, _ = AccessFailureLog.objects.filter(attempt_time__lt=wall - KEEP_FAILURES).delete()
    sessions, _ = Session.objects.filter(expire_date__lt=wall).delete()
    return int(failures) + sessions
