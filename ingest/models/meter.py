"""What is measured."""

from django.db import models
from simple_history.models import HistoricalRecords

from neruba.fields import IdentifierField
from neruba.models import Project


class Meter(models.Model):
    """How events of one type become a quantity. Never deleted; its definition never changes once
    made.
    """

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+", db_index=False)
    code = IdentifierField()
    name = models.CharField(max_length=255)
    event_type = IdentifierField()
    aggregation = models.CharField(
        max_length=16, help_text="One of those that `ingest.aggregation.registry` names."
    )
    value_property = models.CharField(max_length=255, blank=True)
    filters = models.JSONField(default=list, blank=True)
    group_by = models.JSONField(default=list, blank=True)
    carry_over = models.BooleanField(
        default=False, db_default=False, help_text="Whether a window begins with what was there."
    )
    rounding_mode = models.CharField(
        max_length=8, blank=True, default="", db_default="", help_text="Empty: not rounded."
    )
    rounding_places = models.SmallIntegerField(default=0, db_default=0)
    created_at = models.DateTimeField()
    history = HistoricalRecords()

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["project", "code"], name="ingest_meter_code")
        ]
        indexes = [models.Index(fields=["project", "event_type"], name="ingest_meter_type")]

    def __str__(self) -> str:
        return self.code
