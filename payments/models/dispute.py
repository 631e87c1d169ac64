"""Money that a customer's bank takes back."""

from django.db import models

from neruba.fields import IdentifierField
from neruba.models import Project


class Dispute(models.Model):
    """A payment that its payer contests; the provider holds the money until it is decided."""

    class State(models.TextChoices):
        OPEN = "open", "Open"
        WON = "won", "Won"
        LOST = "lost", "Lost"

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+")
    public_id = IdentifierField(max_length=40, unique=True)
    operation_key = IdentifierField(max_length=255)
    payment = models.ForeignKey(
        "payments.Payment", on_delete=models.PROTECT, related_name="disputes"
    )
    amount_minor = models.BigIntegerField()
    fee_minor = models.BigIntegerField(default=0)
    currency = models.CharField(max_length=3)
    state = models.CharField(max_length=16, choices=State, default=State.OPEN)
    reason = models.CharField(max_length=100, blank=True)
    provider_id = IdentifierField(max_length=255)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "operation_key"], name="payments_dispute_key"
            )
        ]
        indexes = [models.Index(fields=["project", "id"], name="payments_dispute_list")]

    def __str__(self) -> str:
        return self.public_id
