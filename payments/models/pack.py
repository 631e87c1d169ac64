"""Credit packs: what is on sale, and what was sold."""

from django.db import models

from neruba.fields import IdentifierField
from neruba.models import Customer, Project


class CreditPack(models.Model):
    """Credits at their price, with promotional ones on top. Append-only: what was offered under a
    code is never changed.
    """

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+")
    code = IdentifierField(max_length=64)
    currency = models.CharField(max_length=3)
    price_minor = models.BigIntegerField(help_text="What is paid, and the credits it buys.")
    bonus_minor = models.BigIntegerField(default=0, help_text="Promotional credits on top.")
    expires_after_s = models.BigIntegerField(
        default=0, help_text="Seconds from the payment until the credits expire; 0: never."
    )
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["project", "code"], name="payments_pack_code")
        ]

    def __str__(self) -> str:
        return self.code


class PackSale(models.Model):
    """A pack that was bought: sold and paid in one step, so that no abandoned checkout leaves a
    receivable. Transfers name it by `document`, its grants by their origin.
    """

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+")
    public_id = IdentifierField(max_length=40, unique=True)
    operation_key = IdentifierField(max_length=255)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="pack_sales")
    pack = models.ForeignKey(CreditPack, on_delete=models.PROTECT, related_name="sales")
    payment = models.ForeignKey(
        "payments.Payment", on_delete=models.PROTECT, related_name="pack_sales"
    )
    sold_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["project", "operation_key"], name="payments_sale_key")
        ]
        indexes = [
            models.Index(fields=["project", "id"], name="payments_sale_list"),
            models.Index(fields=["project", "customer"], name="payments_sale_customer"),
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def document(self) -> str:
        """How the ledger names it."""
        return f"pack:{self.public_id}"
