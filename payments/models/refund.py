"""Money that goes back."""

from django.db import models

from neruba.fields import IdentifierField
from neruba.models import Project


class Refund(models.Model):
    """A payment given back in part or whole: asked for here, or made at the provider's."""

    class State(models.TextChoices):
        PENDING = "pending", "Pending"
        SUCCEEDED = "succeeded", "Succeeded"
        FAILED = "failed", "Failed"

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+")
    public_id = IdentifierField(max_length=40, unique=True)
    operation_key = IdentifierField(
        max_length=255, help_text="Its own name, or the provider's where it was made there."
    )
    payment = models.ForeignKey(
        "payments.Payment", on_delete=models.PROTECT, related_name="refunds"
    )
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    state = models.CharField(max_length=16, choices=State, default=State.PENDING)
    provider_id = IdentifierField(max_length=255, blank=True, default="")
    reason = models.CharField(max_length=500)
    requested_by = models.CharField(max_length=255)
    cover = models.TextField(default="[]", help_text="Canonical JSON: what it gave back.")
    cause = models.CharField(max_length=500, blank=True, help_text="Why it failed.")
    credit_note = models.ForeignKey(
        "billing.CreditNote",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="refunds",
    )
    created_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["project", "operation_key"], name="payments_refund_key")
        ]
        indexes = [
            models.Index(fields=["project", "id"], name="payments_refund_list"),
            models.Index(fields=["project", "provider_id"], name="payments_refund_provider"),
        ]

    def __str__(self) -> str:
        return self.public_id
