"""Billing runs as objects."""

from django.db import models

from neruba.fields import IdentifierField
from neruba.models import Project


class BillingRun(models.Model):
    """What was billed as of an instant: two bounds, event time (exclusive) and order of arrival
    (inclusive).
    """

    class Status(models.TextChoices):
        PENDING = "pending"
        RUNNING = "running"
        COMPLETED = "completed"
        FAILED = "failed"

    class Trigger(models.TextChoices):
        API = "api"
        COMMAND = "command"
        CLOCK = "clock"

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+")
    public_id = IdentifierField(max_length=40, unique=True)
    as_of = models.DateTimeField()
    trigger = models.CharField(max_length=8, choices=Trigger)
    actor = models.CharField(max_length=255)
    customers = models.JSONField(null=True, blank=True, help_text="External ids; empty for all.")
    dry_run = models.BooleanField(default=False)
    status = models.CharField(max_length=9, choices=Status, default=Status.PENDING)
    bound_event = models.BigIntegerField(default=0)
    bound_retraction = models.BigIntegerField(default=0)
    due = models.PositiveIntegerField(default=0)
    invoiced = models.PositiveIntegerField(default=0)
    finalized = models.PositiveIntegerField(default=0)
    unchanged = models.PositiveIntegerField(default=0)
    failed = models.PositiveIntegerField(default=0)
    totals = models.JSONField(default=dict, help_text="Minor units by currency.")
    fingerprint = models.CharField(max_length=64, blank=True)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["project", "id"], name="billing_run_list")]

    def __str__(self) -> str:
        return self.public_id
