"""What rests in files: the manifest of each."""

from django.db import models

from neruba.fields import DigestField, IdentifierField
from neruba.models import Project


class EventArchive(models.Model):
    """A file with what old events carried. Append-only.

    The rows of the events stay, with their identity, times and content hash; their `archive` names
    this row while `data` and `extensions` are in the file. The file's name holds the SHA-256 of its
    bytes, so that any reader can tell whether it is the one that was written.
    """

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+")
    file = IdentifierField(help_text="Its name in the project's folder of archives.")
    sha256 = models.CharField(max_length=64, help_text="Of the file's bytes.")
    size = models.BigIntegerField(help_text="In bytes.")
    first_at = models.DateTimeField(help_text="When the earliest of its events happened.")
    last_at = models.DateTimeField(help_text="When the latest of its events happened.")
    events = models.PositiveIntegerField()
    retracted = models.PositiveIntegerField(help_text="Those of them that were taken back by then.")
    checksum = DigestField(help_text="Sum of the events' content hashes, modulo 2^256.")
    actor = models.CharField(max_length=255)
    made_at = models.DateTimeField(help_text="The project's business time.")

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(fields=["project", "file"], name="ingest_archive_file")
        ]

    def __str__(self) -> str:
        return self.file
