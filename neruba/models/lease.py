"""Who works on what."""

from django.db import models

from neruba.fields import IdentifierField
from neruba.models.project import Project


class Lease(models.Model):
    """Work of a project that one worker has taken, until it is released or expires.

    A row stands while the work is held. `token` is new with each taking, so that a worker whose
    lease was taken over cannot take itself for the holder. All times are wall times.
    """

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+", db_index=False)
    name = IdentifierField(max_length=200)
    owner = models.CharField(max_length=255, help_text="Host and process.")
    token = models.CharField(max_length=32)
    taken_at = models.DateTimeField()
    heartbeat_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["project", "name"], name="neruba_lease_name")
        ]

    def __str__(self) -> str:
        return self.name
