"""Tax rates, by the names that customers carry."""

from django.db import models

from neruba.fields import IdentifierField
from neruba.models.project import Project


class TaxRate(models.Model):
    """A percentage of tax. It never changes: a new percentage is a new code."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+")
    code = IdentifierField()
    name = models.CharField(max_length=255)
    rate_percent = models.CharField(
        max_length=16, help_text="0 to 100, up to 4 decimals, as canonical text."
    )
    inclusive = models.BooleanField(
        default=False, help_text="Part of the prices; else put on them."
    )
    country = models.CharField(max_length=2, blank=True, help_text="ISO 3166.")
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["project", "code"], name="neruba_tax_rate_code")
        ]

    def __str__(self) -> str:
        return self.code
