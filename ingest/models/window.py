"""Usage totals by local day: derived, may be dropped and rebuilt at any time."""

from django.db import models

from ingest.models.meter import Meter
from neruba.fields import DigestField, IdentifierField, UtcNow
from neruba.models import Project, Subject


class DirtyMark(models.Model):
    """Events of this subject, type and UTC day changed since the windows were built. Inserted and
    deleted, never updated.
    """

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+", db_index=False)
    subject = models.ForeignKey(Subject, on_delete=models.PROTECT, related_name="+")
    type = IdentifierField()
    day = models.DateField()
    recorded_at = models.DateTimeField(db_default=UtcNow(), help_text="The real time.")

    class Meta:
        indexes = [
            models.Index(fields=["project", "subject", "type", "day"], name="ingest_mark_lookup")
        ]

    def __str__(self) -> str:
        return f"{self.subject_id} {self.type} {self.day}"


class WindowSeries(models.Model):
    """The windows of this subject, meter and zone are kept: without marks, a day without a window
    had no events.

    A meter made after its events, or a zone that nobody asked for before, has no series until it is
    built from all raw events once.
    """

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+", db_index=False)
    subject = models.ForeignKey(Subject, on_delete=models.PROTECT, related_name="+")
    meter = models.ForeignKey(Meter, on_delete=models.PROTECT, related_name="+")
    zone = models.CharField(max_length=64)

    class Meta:
        verbose_name_plural = "window series"
        constraints = [
            models.UniqueConstraint(
                fields=["project", "subject", "meter", "zone"], name="ingest_window_series_key"
            )
        ]

    def __str__(self) -> str:
        return f"{self.meter_id} {self.subject_id} {self.zone}"


class UsageWindow(models.Model):
    """The mergeable state of one meter, subject, group and local day, with a memory of what it
    holds.

    Clean for a bound when no mark covers its day and the highest event and retraction it holds are
    within the bound.
    """

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+", db_index=False)
    subject = models.ForeignKey(Subject, on_delete=models.PROTECT, related_name="+")
    meter = models.ForeignKey(Meter, on_delete=models.PROTECT, related_name="+")
    zone = models.CharField(max_length=64)
    day = models.DateField()
    group_key = models.CharField(
        max_length=64,
        default="",
        help_text="Digest of `group` and `subscription`; empty without either.",
    )
    group = models.TextField(default="{}", help_text="Canonical JSON.")
    subscription = IdentifierField(
        default="", blank=True, help_text="The one that the events name, if any."
    )
    count = models.BigIntegerField()
    sum = models.CharField(max_length=64)
    min = models.CharField(max_length=64, blank=True)
    max = models.CharField(max_length=64, blank=True)
    checksum = DigestField(help_text="Sum of the events' content hashes, modulo 2^256.")
    unusable = models.BigIntegerField(
        default=0, help_text="Events whose value the meter cannot use."
    )
    last_event = models.BigIntegerField(
        help_text="The highest event id read, retracted ones included."
    )
    last_retraction = models.BigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["project", "subject", "meter", "zone", "day", "group_key"],
                name="ingest_window_key",
            )
        ]

    def __str__(self) -> str:
        return f"{self.meter_id} {self.subject_id} {self.day}"
