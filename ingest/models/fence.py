"""Rows that are locked and never written."""

from django.db import models

from neruba.fields import IdentifierField
from neruba.models import Project, Subject


class Fence(models.Model):
    """The row of a project behind which the order of arrival stands still.

    Ingest holds it in share mode until it commits; a run takes it exclusively for an instant and
    notes the highest ids, so that no event can be stamped before the bound and committed after it.
    """

    class Name(models.TextChoices):
        ARRIVAL = "arrival"

    project = models.ForeignKey(Project, on_delete=models.CASCADE, related_name="+")
    name = IdentifierField(max_length=16, choices=Name)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["project", "name"], name="ingest_fence_name")
        ]

    def __str__(self) -> str:
        return self.name


class WindowFence(models.Model):
    """The row of a subject behind which its windows are rebuilt: an older reading must not
    overwrite a newer one.

    A row of its own, since every event that ingest stores holds its subject's row in share mode.
    """

    subject = models.OneToOneField(
        Subject, on_delete=models.CASCADE, primary_key=True, related_name="+"
    )

    def __str__(self) -> str:
        return str(self.subject_id)
