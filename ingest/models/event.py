"""Raw usage: append-only."""

from django.db import models

from ingest.models.archive import EventArchive
from neruba.fields import DigestField, IdentifierField
from neruba.models import Project, Subject


class UsageEvent(models.Model):
    """One accepted event. Its id is its place in the order of arrival; (project, source, event id)
    its identity.
    """

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+", db_index=False)
    source = IdentifierField()
    event_id = IdentifierField()
    subject = models.ForeignKey(Subject, on_delete=models.PROTECT, related_name="+")
    type = IdentifierField()
    effective_at = models.DateTimeField(help_text="When it happened.")
    received_at = models.DateTimeField(
        help_text="When it came, by the project's clock; for people."
    )
    data = models.TextField(help_text="Canonical JSON; empty while it rests in an archive.")
    extensions = models.TextField(default="{}", help_text="Canonical JSON; no content.")
    subscription = IdentifierField(
        default="", blank=True, help_text="The one subscription that bills it, if named."
    )
    content_hash = DigestField(help_text="SHA-256 of identity and content.")
    backfill = models.BigIntegerField(default=0)
    # Without an index: what rests in a file is found by its time, and each event would pay for it.
    archive = models.ForeignKey(
        EventArchive,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,
        db_constraint=False,
        help_text="Where its data rests.",
    )

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "source", "event_id"], name="ingest_event_identity"
            )
        ]
        indexes = [
            models.Index(
                fields=["project", "subject", "type", "effective_at"], name="ingest_event_usage"
            ),
            models.Index(fields=["project", "id"], name="ingest_event_list"),
        ]

    def __str__(self) -> str:
        return f"{self.source} {self.event_id}"


class EventRetraction(models.Model):
    """An event stops counting from here on in the order of arrival; the event itself stays.
    Append-only.
    """

    class Kind(models.TextChoices):
        VOID = "void"
        AMENDED = "amended"
        BACKFILL = "backfill"

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+", db_index=False)
    event = models.OneToOneField(UsageEvent, on_delete=models.PROTECT, related_name="retraction")
    kind = models.CharField(max_length=8, choices=Kind)
    replacement = models.OneToOneField(
        UsageEvent, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    actor = models.CharField(max_length=255)
    reason = models.TextField()
    recorded_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        indexes = [models.Index(fields=["project", "id"], name="ingest_retraction_list")]

    def __str__(self) -> str:
        return f"{self.kind} of {self.event_id}"


class FailedEvent(models.Model):
    """A body that was refused as an event: kept once with a count, to be seen, mended and sent
    again.
    """

    class State(models.TextChoices):
        OPEN = "open"
        RESUBMITTED = "resubmitted"
        DISCARDED = "discarded"

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+", db_index=False)
    body_hash = models.CharField(max_length=64)
    body = models.TextField()
    source = models.CharField(max_length=255, blank=True)
    event_id = models.CharField(max_length=255, blank=True)
    type = models.CharField(max_length=255, blank=True)
    subject = models.CharField(max_length=255, blank=True)
    code = models.CharField(max_length=64)
    detail = models.TextField()
    count = models.PositiveIntegerField(default=1)
    first_seen_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    state = models.CharField(max_length=16, choices=State, default=State.OPEN)
    resubmitted_as = models.ForeignKey(
        UsageEvent, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ["-last_seen_at"]
        permissions = [
            ("resubmit_failedevent", "Can mend and resubmit failed events"),
            ("discard_failedevent", "Can discard and reopen failed events"),
        ]
        constraints = [
            models.UniqueConstraint(fields=["project", "body_hash"], name="ingest_failed_body")
        ]
        indexes = [
            models.Index(fields=["project", "state", "last_seen_at"], name="ingest_failed_list")
        ]

    def __str__(self) -> str:
        return self.detail
