"""What people and keys did."""

from django.db import models

from neruba.models.project import Project


class AuditRecord(models.Model):
    """One privileged act: who, when, on what, why. Append-only, for its author too."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField(help_text="The project's business time.")
    recorded_at = models.DateTimeField(auto_now_add=True, help_text="The real time.")
    actor_kind = models.CharField(max_length=16)
    actor = models.CharField(max_length=255)
    action = models.CharField(max_length=64)
    object_type = models.CharField(max_length=64)
    object_id = models.CharField(max_length=255)
    reason = models.TextField(blank=True)
    details = models.TextField(default="{}", help_text="Canonical JSON.")

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["project", "id"], name="neruba_audit_list"),
            models.Index(
                fields=["project", "object_type", "object_id"], name="neruba_audit_object"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.object_type} {self.object_id}"
