"""The row behind which the order of arrival stands still."""

from django.db import models

from neruba.fields import IdentifierField
from neruba.models import Project


class Fence(models.Model):
    """One row a purpose and project, locked and never written.

    `arrival`: ingest holds it in share mode until it commits; a run takes it exclusively for an
    instant and notes the highest ids, so that no event can be stamped before the bound and
    committed after it. `windows`: serialises the rebuilding of windows, where an older reading must
    not overwrite a newer one.
    """

    class Name(models.TextChoices):
        ARRIVAL = "arrival"
        WINDOWS = "windows"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    name = IdentifierField(max_length=16, choices=Name)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "name"], name="ingest_fence_name")
        ]

    def __str__(self) -> str:
        return self.name
