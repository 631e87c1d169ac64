"""Billing runs as objects: what was billed as of an instant, by chunks of customers."""

from django.db import models

from neruba.fields import IdentifierField
from neruba.models import Customer, Project


class BillingRun(models.Model):
    """What was billed as of an instant: two bounds, event time (exclusive) and order of arrival
    (inclusive).

    Pending until it is planned, running while a chunk is open, then completed, however many
    customers were parked. Counts and totals are those of its chunks; `failed` counts documents.
    """

    class Status(models.TextChoices):
        PENDING = "pending"
        RUNNING = "running"
        COMPLETED = "completed"
        FAILED = "failed"

    class Trigger(models.TextChoices):
        API = "api", "API"
        COMMAND = "command"
        CONSOLE = "console"
        CLOCK = "clock"
        SCHEDULE = "schedule"

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+")
    public_id = IdentifierField(max_length=40, unique=True)
    as_of = models.DateTimeField()
    trigger = models.CharField(max_length=8, choices=Trigger)
    actor = models.CharField(max_length=255)
    customers = models.JSONField(null=True, blank=True, help_text="External ids; empty for all.")
    dry_run = models.BooleanField(default=False)
    repeats = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="repetitions",
        help_text="The run whose documents this one computes again, to compare them.",
    )
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

    UNFINISHED = (Status.PENDING, Status.RUNNING)

    class Meta:
        ordering = ["-id"]
        indexes = [
            models.Index(fields=["project", "id"], name="billing_run_list"),
            models.Index(fields=["status"], name="billing_run_status"),
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def lease_prefix(self) -> str:
        """What the leases of its chunks begin with; their number follows."""
        return f"billing run {self.public_id}, chunk "

    @property
    def is_over(self) -> bool:
        """Nobody works on it any more."""
        return self.status not in self.UNFINISHED


class RunChunk(models.Model):
    """Some customers of a run, billed by one worker at a time in a transaction for each step.

    Its row is locked by every transaction that works on it, and what the step came to is added to
    it there: so a step counts once, whoever did it and however often it was tried. `due_at` (wall
    time) is when it is to be worked on next.
    """

    class State(models.TextChoices):
        OPEN = "open"
        DONE = "done"

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+", db_index=False)
    run = models.ForeignKey(
        BillingRun, on_delete=models.PROTECT, related_name="chunks", db_index=False
    )
    number = models.PositiveIntegerField()
    state = models.CharField(max_length=4, choices=State, default=State.OPEN)
    attempts = models.PositiveIntegerField(default=0)
    due_at = models.DateTimeField(null=True, blank=True, help_text="Empty: at once.")
    cause = models.TextField(blank=True, help_text="Why the last attempt failed.")
    customers = models.PositiveIntegerField(default=0)
    invoiced = models.PositiveIntegerField(default=0)
    finalized = models.PositiveIntegerField(default=0)
    totals = models.JSONField(default=dict, help_text="Minor units by currency.")
    hashes = models.JSONField(default=list, help_text="Of documents that were not stored.")

    class Meta:
        ordering = ["run", "number"]
        constraints = [
            models.UniqueConstraint(fields=["project", "run", "number"], name="billing_chunk_key")
        ]
        indexes = [models.Index(fields=["run", "state"], name="billing_chunk_open")]

    def __str__(self) -> str:
        return f"{self.run} {self.number}"

    @property
    def lease_name(self) -> str:
        """The lease that its worker holds."""
        return f"{self.run.lease_prefix}{self.number}"


class RunItem(models.Model):
    """A customer in a run.

    A failed one is parked: it holds back nobody, keeps the cause, is tried again at `due_at` (wall
    time), and waits for a person when that is empty. It is superseded once the customer was billed
    by a later attempt or another run.
    """

    class State(models.TextChoices):
        PENDING = "pending"
        DONE = "done"
        FAILED = "failed"
        SUPERSEDED = "superseded"

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+", db_index=False)
    run = models.ForeignKey(
        BillingRun, on_delete=models.PROTECT, related_name="items", db_index=False
    )
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="+")
    chunk = models.PositiveIntegerField()
    state = models.CharField(max_length=10, choices=State, default=State.PENDING)
    attempts = models.PositiveIntegerField(default=0)
    begun = models.PositiveIntegerField(
        default=0, help_text="Tries in a row that did not end: the worker died."
    )
    documents = models.PositiveIntegerField(default=0, help_text="That wait for it, while failed.")
    cause = models.TextField(blank=True)
    evidence = models.TextField(blank=True, help_text="Where it failed, for engineers.")
    failed_at = models.DateTimeField(null=True, blank=True)
    due_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name = "customer in a run"
        verbose_name_plural = "customers in runs"
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["project", "run", "customer"], name="billing_item_key")
        ]
        indexes = [
            models.Index(fields=["run", "chunk"], name="billing_item_chunk"),
            models.Index(fields=["run", "state", "id"], name="billing_item_state"),
            models.Index(fields=["project", "state", "customer"], name="billing_item_parked"),
            models.Index(fields=["due_at"], name="billing_item_due"),
        ]

    def __str__(self) -> str:
        return f"{self.run} {self.customer}"
