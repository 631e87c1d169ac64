"""What is sold. A version never changes; a further POST to the same code makes the next one."""

from django.db import models

from ingest.models import Meter
from neruba.fields import IdentifierField
from neruba.models import Project


class Plan(models.Model):
    """A code under which versions follow one another."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+")
    code = IdentifierField()
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["project", "code"], name="billing_plan_code")
        ]

    def __str__(self) -> str:
        return self.code


class PlanVersion(models.Model):
    """One version of a plan, as it was asked for. Append-only."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+")
    plan = models.ForeignKey(Plan, on_delete=models.PROTECT, related_name="versions")
    version = models.PositiveIntegerField()
    name = models.CharField(max_length=255)
    currency = models.CharField(max_length=3)
    interval = models.CharField(max_length=5)
    interval_count = models.PositiveSmallIntegerField()
    minimum_commitment_minor = models.BigIntegerField(
        null=True, blank=True, help_text="What each of its periods comes to at least."
    )
    trial_days = models.PositiveSmallIntegerField(
        default=0, db_default=0, help_text="Local days without fees at the start."
    )
    entitlements = models.TextField(
        blank=True,
        default="",
        db_default="",
        help_text="What it entitles to: canonical JSON, empty without any.",
    )
    content_hash = models.CharField(
        max_length=64, help_text="Of the definition, to know a repeated POST."
    )
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "plan", "version"], name="billing_plan_version"
            )
        ]

    def __str__(self) -> str:
        return f"{self.plan} v{self.version}"


class Price(models.Model):
    """A price of a plan version, whole in `definition`; the columns are for lists. Append-only."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+")
    plan_version = models.ForeignKey(PlanVersion, on_delete=models.PROTECT, related_name="prices")
    position = models.PositiveSmallIntegerField()
    code = IdentifierField()
    name = models.CharField(max_length=255)
    kind = models.CharField(max_length=16)
    model = models.CharField(max_length=32)
    billing = models.CharField(max_length=16)
    meter = models.ForeignKey(
        Meter, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    definition = models.TextField(help_text="Canonical JSON.")

    class Meta:
        ordering = ["plan_version", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "plan_version", "code"], name="billing_price_code"
            )
        ]

    def __str__(self) -> str:
        return self.code
