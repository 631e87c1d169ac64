"""Who is billed, and whom usage is of."""

from django.db import models
from simple_history.models import HistoricalRecords

from neruba.fields import IdentifierField
from neruba.models.project import Project


class Customer(models.Model):
    """A party that gets invoices, named by the caller's `external_id`."""

    class TaxExempt(models.TextChoices):
        NONE = "none"
        EXEMPT = "exempt"
        REVERSE = "reverse"

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="customers")
    external_id = IdentifierField()
    name = models.CharField(max_length=255)
    email = models.EmailField(blank=True)
    currency = models.CharField(max_length=3, blank=True)
    timezone = models.CharField(max_length=64, blank=True)
    tax_rates = models.JSONField(
        default=list,
        null=True,
        blank=True,
        help_text="Codes of tax rates, side by side on every line; none where it is empty.",
    )
    tax_exempt = models.CharField(
        max_length=7,
        choices=TaxExempt,
        default="none",
        db_default="none",
        help_text="Why none of them is due; reverse: the customer owes the tax themselves.",
    )
    billing_address = models.JSONField(default=dict, blank=True)
    tax_ids = models.JSONField(default=list, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField()
    erased_at = models.DateTimeField(
        null=True, blank=True, help_text="When the identity was erased; the id is what is left."
    )
    history = HistoricalRecords()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "external_id"], name="neruba_customer_external_id"
            )
        ]
        indexes = [
            models.Index(fields=["project", "id"], name="neruba_customer_list"),
            models.Index(fields=["project", "name"], name="neruba_customer_name"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.external_id})"


class Subject(models.Model):
    """Whom usage events name. It may come before its customer does; events carry its id, never its
    name.
    """

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+")
    external_id = IdentifierField()
    customer = models.ForeignKey(
        Customer, on_delete=models.PROTECT, null=True, blank=True, related_name="subjects"
    )

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project", "external_id"], name="neruba_subject_external_id"
            )
        ]

    def __str__(self) -> str:
        return self.external_id
