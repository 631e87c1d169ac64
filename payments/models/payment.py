"""Money that comes in."""

from django.db import models

from neruba.fields import IdentifierField
from neruba.models import Customer, Project


class Payment(models.Model):
    """Money of a customer: through Stripe, or received outside of it and noted by a person.

    What it paid stands in the ledger: transfers name it as `payment:<public id>`.
    """

    class Method(models.TextChoices):
        STRIPE = "stripe", "Stripe"
        BANK_TRANSFER = "bank_transfer", "Bank transfer"
        CASH = "cash", "Cash"
        OTHER = "other", "Other"

    class State(models.TextChoices):
        PENDING = "pending", "Pending"
        SUCCEEDED = "succeeded", "Succeeded"
        FAILED = "failed", "Failed"
        REVERSED = "reversed", "Failed after success"

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+")
    public_id = IdentifierField(max_length=40, unique=True)
    operation_key = IdentifierField(
        max_length=255, help_text="The provider's name of it, or its own."
    )
    customer = models.ForeignKey(
        Customer,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="payments",
        help_text="Empty: not known yet; the money is unapplied.",
    )
    provider_id = IdentifierField(max_length=255, default="", blank=True)
    charge_id = IdentifierField(max_length=255, default="", blank=True)
    method = models.CharField(max_length=16, choices=Method)
    state = models.CharField(max_length=16, choices=State)
    amount_minor = models.BigIntegerField()
    fee_minor = models.BigIntegerField(default=0, help_text="What the provider kept.")
    currency = models.CharField(max_length=3)
    reference = models.CharField(max_length=255, blank=True)
    cause = models.CharField(max_length=500, blank=True, help_text="Why it failed.")
    received_at = models.DateTimeField()
    created_at = models.DateTimeField()
    failed_at = models.DateTimeField(null=True, blank=True, help_text="After it had succeeded.")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "operation_key"], name="payments_payment_key"
            )
        ]
        indexes = [
            models.Index(fields=["project", "id"], name="payments_payment_list"),
            models.Index(fields=["project", "customer"], name="payments_payment_customer"),
            models.Index(fields=["project", "received_at"], name="payments_payment_time"),
            models.Index(fields=["project", "charge_id"], name="payments_payment_charge"),
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def is_outside(self) -> bool:
        """Whether it came in outside of Stripe."""
        return self.method != self.Method.STRIPE
