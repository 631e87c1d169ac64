"""What is taken off and put on the lines of an issued invoice; amounts are those of transfers."""

from django.db import models

from billing.models.invoice import Invoice
from neruba.fields import IdentifierField
from neruba.models import Project


class InvoiceDiscount(models.Model):
    """What one coupon takes off one line, with the coupon as it was."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="discounts")
    position = models.PositiveIntegerField()
    line_key = IdentifierField(max_length=400)
    coupon = IdentifierField()
    name = models.CharField(max_length=255, blank=True)
    number = models.PositiveIntegerField(help_text="Which of the customer's redemptions it is.")
    percent_off = models.CharField(max_length=16, blank=True)
    amount_off_minor = models.BigIntegerField(null=True, blank=True)
    unit = models.PositiveIntegerField(help_text="The subscription's period that it counts for.")
    included_minor = models.BigIntegerField(
        default=0, help_text="Inclusive tax of what it takes off, which the amount leaves out."
    )
    transfer = models.OneToOneField("ledger.Transfer", on_delete=models.PROTECT, related_name="+")

    class Meta:
        ordering = ["invoice", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "invoice", "line_key", "number"], name="billing_discount_key"
            )
        ]

    def __str__(self) -> str:
        return f"{self.coupon} on {self.line_key}"


class InvoiceTax(models.Model):
    """What one rate puts on one line that carries it, with the rate as it was; no transfer where
    that is nothing.
    """

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="taxes")
    position = models.PositiveIntegerField(help_text="By tax, then by line.")
    tax = models.PositiveSmallIntegerField(help_text="Which of the invoice's taxes it is, from 0.")
    line_key = IdentifierField(max_length=400)
    rate = IdentifierField()
    name = models.CharField(max_length=255)
    rate_percent = models.CharField(max_length=16)
    inclusive = models.BooleanField()
    country = models.CharField(max_length=2, blank=True)
    reason = models.CharField(max_length=8, blank=True, help_text="Why nothing is due.")
    transfer = models.OneToOneField(
        "ledger.Transfer", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        verbose_name_plural = "invoice taxes"
        ordering = ["invoice", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "invoice", "line_key", "tax"], name="billing_tax_key"
            )
        ]

    def __str__(self) -> str:
        return f"{self.name} on {self.line_key}"
