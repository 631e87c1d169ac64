"""The tenant."""

from django.db import models
from simple_history.models import HistoricalRecords

from neruba.fields import IdentifierField
from neruba.project_settings import ProjectSettings


class Project(models.Model):
    """A tenant. Every other row carries its project; another project's thing does not exist."""

    class Mode(models.TextChoices):
        LIVE = "live"
        SANDBOX = "sandbox"

    slug = IdentifierField(max_length=63, unique=True)
    name = models.CharField(max_length=200)
    currency = models.CharField(max_length=3)
    timezone = models.CharField(max_length=64, default="UTC")
    mode = models.CharField(max_length=7, choices=Mode, default=Mode.LIVE)
    clock_at = models.DateTimeField(
        null=True, blank=True, help_text="A sandbox's own time; empty for a live project."
    )
    settings = models.JSONField(
        default=dict, blank=True, help_text="Only what differs from the defaults."
    )
    created_at = models.DateTimeField()
    history = HistoricalRecords()

    class Meta:
        ordering = ["slug"]

    def __str__(self) -> str:
        return self.slug

    @property
    def policy(self) -> ProjectSettings:
        """The settings with their defaults."""
        return ProjectSettings.of_project(self.settings)
