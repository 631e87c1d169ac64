"""What waits in the outbox."""

from datetime import datetime

from django.db.models import Q, QuerySet

from neruba.models import OutboxMessage


def due_messages(at: datetime) -> QuerySet[OutboxMessage]:
    """Messages of all projects that are to be handled at the wall time `at`, the oldest first."""
    due = Q(due_at__isnull=True) | Q(due_at__lte=at)
    return OutboxMessage.objects.filter(due, state=OutboxMessage.State.WAITING).order_by("id")
