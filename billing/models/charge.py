"""Priced one-offs."""

from django.db import models

from neruba.fields import IdentifierField
from neruba.models import Customer, Project


class Charge(models.Model):
    """An amount that a service asks to be billed, once for each `charge_key`."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+")
    charge_key = IdentifierField()
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="charges")
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    description = models.CharField(max_length=500)
    effective_at = models.DateTimeField()
    tax_code = models.CharField(max_length=64, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    invoice_now = models.BooleanField(default=False)
    created_at = models.DateTimeField()
    due_at = models.DateTimeField(
        null=True,
        blank=True,
        help_text="From when it waits for an invoice; empty once it is on one.",
    )
    invoice = models.ForeignKey(
        "billing.Invoice", on_delete=models.PROTECT, null=True, blank=True, related_name="charges"
    )

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["project", "charge_key"], name="billing_charge_key")
        ]
        indexes = [
            models.Index(fields=["project", "id"], name="billing_charge_list"),
            models.Index(fields=["project", "due_at"], name="billing_charge_due"),
        ]

    def __str__(self) -> str:
        return self.charge_key
