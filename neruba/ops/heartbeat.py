"""Signs of life: who must not be silent, and for how long."""

from datetime import datetime

from django.db import IntegrityError, transaction

from neruba.models import Heartbeat

SCHEDULER = "scheduler"


def note_life(name: str, *, owner: str, at: datetime) -> None:
    """Note that `name` was alive at the wall time `at`."""
    rows = Heartbeat.objects.filter(name=name)
    if rows.update(at=at, owner=owner):
        return
    try:
        with transaction.atomic():
            Heartbeat.objects.create(name=name, at=at, owner=owner)
    except IntegrityError:
        rows.update(at=at, owner=owner)  # another worker was first
