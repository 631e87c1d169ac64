"""Received webhooks: what is due, and what waits for a person."""

from datetime import datetime

from django.db.models import Min, Q

from neruba.models import Project
from payments.models import ProviderEventWork

State = ProviderEventWork.State


def due_subjects(at: datetime, limit: int) -> list[tuple[int, str]]:
    """Projects and subjects with events that are due at the wall time `at`, the oldest first."""
    rows = ProviderEventWork.objects.filter(Q(due_at=None) | Q(due_at__lte=at), state=State.WAITING)
    grouped = rows.order_by().values_list("project_id", "subject").annotate(first=Min("pk"))
    return [(project, subject) for project, subject, _ in grouped.order_by("first")[:limit]]


def project_named(pk: int) -> Project:
    """The project of this pk."""
    return Project.objects.get(pk=pk)
