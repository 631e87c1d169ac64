"""What one operator asks for and another decides."""

from datetime import datetime, timedelta

from django.db import models

from neruba.fields import IdentifierField
from neruba.models.project import Project
from neruba.money import Money

STANDS = timedelta(days=14)


class Approval(models.Model):
    """An act above its asker's limit, as it was asked for: nothing is done until another operator
    approves. `payload` names things by their natural keys and public ids.
    """

    class State(models.TextChoices):
        REQUESTED = "requested", "Waits"
        APPROVED = "approved", "Approved"
        REFUSED = "refused", "Refused"
        WITHDRAWN = "withdrawn", "Withdrawn"

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+")
    public_id = IdentifierField(max_length=40, unique=True)
    operation = IdentifierField(max_length=64)
    payload = models.TextField(help_text="Canonical JSON.")
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    state = models.CharField(max_length=16, choices=State, default=State.REQUESTED)
    asked_by = models.CharField(max_length=255)
    asked_at = models.DateTimeField()
    reason = models.TextField()
    decided_by = models.CharField(max_length=255, blank=True)
    decided_at = models.DateTimeField(null=True, blank=True)
    decision_reason = models.TextField(blank=True)
    result = IdentifierField(
        max_length=255, default="", blank=True, help_text="What was made when it was approved."
    )

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["project", "id"], name="neruba_approval_list"),
            models.Index(fields=["project", "state"], name="neruba_approval_state"),
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def amount(self) -> Money:
        return Money(self.amount_minor, self.currency)

    def has_lapsed(self, at: datetime) -> bool:
        """Whether it was asked so long ago that it cannot be approved any more."""
        return self.state == self.State.REQUESTED and at > self.lapses_at

    @property
    def lapses_at(self) -> datetime:
        """The last instant at which it can be approved, by the project's clock."""
        return self.asked_at + STANDS
