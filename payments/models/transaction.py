"""What the provider booked on the account it keeps for us."""

from django.db import models

from neruba.fields import IdentifierField
from neruba.models import Project


class ProviderTransaction(models.Model):
    """One row of the provider's account, as it was fetched: net = amount - fee, signed from our
    side, in our minor units. Append-only.
    """

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+", db_index=False)
    provider = IdentifierField(max_length=16)
    transaction_id = IdentifierField(max_length=255, help_text="The provider's name of it.")
    type = IdentifierField(max_length=64)
    category = IdentifierField(max_length=64, help_text="What the provider reports it as.")
    source = IdentifierField(
        max_length=255, blank=True, default="", help_text="The object that it is of."
    )
    amount_minor = models.BigIntegerField()
    fee_minor = models.BigIntegerField()
    net_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    description = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(help_text="When it happened, by the provider.")
    available_at = models.DateTimeField(help_text="When it can be paid out.")
    fetched_at = models.DateTimeField(help_text="The real time.")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "provider", "transaction_id"],
                name="payments_transaction_key",
            )
        ]
        indexes = [
            models.Index(fields=["project", "id"], name="payments_transaction_list"),
            models.Index(fields=["project", "source"], name="payments_transaction_source"),
            models.Index(fields=["project", "created_at"], name="payments_transaction_time"),
        ]

    def __str__(self) -> str:
        return self.transaction_id


class PayoutTransaction(models.Model):
    """Which payout paid a transaction out; the payout's own row is one of them, so that all of a
    payout add up to zero. Append-only.
    """

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+", db_index=False)
    payout = IdentifierField(max_length=255)
    transaction = models.OneToOneField(
        ProviderTransaction, on_delete=models.PROTECT, related_name="paid_out"
    )

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["project", "id"], name="payments_paid_out_list"),
            models.Index(fields=["project", "payout"], name="payments_paid_out_payout"),
        ]

    def __str__(self) -> str:
        return f"{self.transaction} in {self.payout}"
