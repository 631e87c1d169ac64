"""What the provider told: the receipt, which never changes, and what became of it."""

from django.db import models

from neruba.fields import IdentifierField
from neruba.models import Project


class ProviderEvent(models.Model):
    """One event as it was received, byte for byte, after its signature was verified. Append-only.

    `subject` is what is worked on: a payment with its refunds and disputes, a checkout session, a
    payout; empty: nothing follows from it here.
    """

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+", db_index=False)
    provider = IdentifierField(max_length=16)
    event_id = IdentifierField(max_length=255, help_text="The provider's name of it.")
    type = IdentifierField(max_length=100)
    object_id = IdentifierField(max_length=255, blank=True, default="")
    subject = IdentifierField(max_length=255, blank=True, default="")
    api_version = models.CharField(max_length=64, blank=True)
    body = models.BinaryField(help_text="The raw body.")
    created_at = models.DateTimeField(help_text="When it happened, by the provider.")
    received_at = models.DateTimeField(help_text="The real time.")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "provider", "event_id"], name="payments_event_key"
            )
        ]
        indexes = [
            models.Index(fields=["project", "id"], name="payments_event_list"),
            models.Index(fields=["project", "subject"], name="payments_event_subject"),
            models.Index(fields=["project", "object_id"], name="payments_event_object"),
        ]

    def __str__(self) -> str:
        return self.event_id


class ProviderEventWork(models.Model):
    """What became of an event. A waiting one is due at once while `due_at` (real time) is empty,
    else from then on; a dead one waits for a person.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        DONE = "done", "Done"
        IGNORED = "ignored", "Nothing new"
        DEAD = "dead", "Dead"

    event = models.OneToOneField(ProviderEvent, on_delete=models.PROTECT, related_name="work")
    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+", db_index=False)
    subject = IdentifierField(max_length=255, blank=True, default="")
    type = IdentifierField(max_length=100)
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    attempts = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField(null=True, blank=True)
    cause = models.CharField(max_length=1000, blank=True, help_text="Why the last attempt failed.")
    trace = models.TextField(blank=True)
    outcome = models.TextField(default="[]", help_text="Canonical JSON: what it did.")
    received_at = models.DateTimeField()
    done_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "received webhook"
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["project", "id"], name="payments_work_list"),
            models.Index(fields=["project", "subject", "state"], name="payments_work_subject"),
            models.Index(fields=["state", "due_at"], name="payments_work_due"),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.event.event_id}"
