"""What people and keys did."""

from django.db import models

from neruba.models.project import Project


class AuditRecord(models.Model):
    """One privileged act: who, when, on what, why. Append-only, for its author too."""

    project = models.ForeignKey(
        Project,
        on_delete=models.PROTECT,
        related_name="+",
        null=True,
        blank=True,
        help_text="Empty for acts of the installation: logins, operators' accounts.",
    )
    at = models.DateTimeField(help_text="The project's business time; else the real time.")
    recorded_at = models.DateTimeField(auto_now_add=True, help_text="The real time.")
    actor_kind = models.CharField(max_length=16)
    actor = models.CharField(max_length=255)
    origin = models.CharField(
        max_length=64, blank=True, db_default="", help_text="The address it came from."
    )
    request_id = models.CharField(
        max_length=64, blank=True, db_default="", help_text="As it stands in the logs."
    )
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
            models.Index(fields=["project", "actor", "id"], name="neruba_audit_actor"),
        ]

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.object_type} {self.object_id}"
