"""Pages of the provider on which a customer pays."""

from django.db import models

from neruba.fields import IdentifierField
from neruba.models import Customer, Project


class CheckoutSession(models.Model):
    """One page for one invoice or one credit pack.

    `purpose` is unique: what an open session is for (`invoice:<id>`), so that an invoice has one at
    most; the session's own id once it is over, and for a pack, which may be bought many times.
    """

    class State(models.TextChoices):
        OPEN = "open", "Open"
        COMPLETED = "completed", "Completed"
        EXPIRED = "expired", "Expired"

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+")
    public_id = IdentifierField(max_length=40, unique=True)
    purpose = IdentifierField(max_length=255)
    customer = models.ForeignKey(
        Customer, on_delete=models.PROTECT, related_name="checkout_sessions"
    )
    invoice = models.ForeignKey(
        "billing.Invoice",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="checkout_sessions",
    )
    pack = models.ForeignKey(
        "payments.CreditPack",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="checkout_sessions",
    )
    payment = models.ForeignKey(
        "payments.Payment",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="checkout_sessions",
    )
    provider_id = IdentifierField(max_length=255)
    url = models.TextField()
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    state = models.CharField(max_length=16, choices=State, default=State.OPEN)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True, help_text="The real time.")
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "purpose"], name="payments_checkout_purpose"
            ),
            models.UniqueConstraint(
                fields=["project", "provider_id"], name="payments_checkout_provider"
            ),
        ]
        indexes = [
            models.Index(fields=["project", "id"], name="payments_checkout_list"),
            models.Index(fields=["state", "id"], name="payments_checkout_state"),
        ]

    def __str__(self) -> str:
        return self.public_id
