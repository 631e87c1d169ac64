"""News for apps further left, written in the transaction that made it."""

from django.db import models

from neruba.fields import IdentifierField
from neruba.models.project import Project


class OutboxMessage(models.Model):
    """One piece of news for one handler.

    A waiting one is due at once while `due_at` (wall time) is empty, else from then on. A dead one
    waits for a person. (topic, key, handler) is written once: news is told once.
    """

    class State(models.TextChoices):
        WAITING = "waiting"
        DONE = "done"
        DEAD = "dead"

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+", db_index=False)
    topic = IdentifierField(max_length=64)
    key = IdentifierField(max_length=200, help_text="What the news is about.")
    handler = IdentifierField(max_length=64)
    payload = models.TextField(default="{}", help_text="Canonical JSON.")
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    attempts = models.PositiveIntegerField(default=0)
    cause = models.TextField(blank=True, help_text="Why the last attempt failed.")
    recorded_at = models.DateTimeField(auto_now_add=True)
    due_at = models.DateTimeField(null=True, blank=True)
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "topic", "key", "handler"], name="neruba_outbox_key"
            )
        ]
        indexes = [
            models.Index(fields=["project", "id"], name="neruba_outbox_list"),
            models.Index(fields=["state", "due_at"], name="neruba_outbox_due"),
        ]

    def __str__(self) -> str:
        return f"{self.topic} {self.key} → {self.handler}"
