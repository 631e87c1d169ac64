"""Invoices: views over the ledger. A line's amount is the amount of the transfer that it names."""

from django.db import models

from neruba.fields import IdentifierField
from neruba.models import Customer, Project


class Invoice(models.Model):
    """One document. A draft has no lines: they are computed whenever it is shown, by the function
    that issues it.

    `boundary_at` is what it bills up to, `due_at` when it is to be finalised; both are business
    times that no run changes. `bound_*`, `known_changes` and `adjustments` say what was known at
    finalisation, so that it can be rebuilt from raw usage however late events and changes came
    after it.
    """

    class Status(models.TextChoices):
        DRAFT = "draft"
        OPEN = "open"
        PAID = "paid"
        VOID = "void"
        UNCOLLECTIBLE = "uncollectible"

    class Reason(models.TextChoices):
        SUBSCRIPTION = "subscription"
        CHARGE = "charge"
        CORRECTION = "correction"
        CHANGE = "change"

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+")
    public_id = IdentifierField(max_length=40, unique=True)
    operation_key = IdentifierField(max_length=400)
    reason = models.CharField(max_length=16, choices=Reason)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="invoices")
    subscription = models.ForeignKey(
        "billing.Subscription",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="invoices",
    )
    boundary = models.PositiveIntegerField(null=True, blank=True)
    currency = models.CharField(max_length=3)
    status = models.CharField(max_length=16, choices=Status, default=Status.DRAFT)
    boundary_at = models.DateTimeField()
    due_at = models.DateTimeField()
    period_start = models.DateTimeField()
    period_end = models.DateTimeField()
    created_at = models.DateTimeField()

    sequence = models.PositiveBigIntegerField(
        null=True,
        blank=True,
        help_text="Place in the gapless series of the project; empty for a draft.",
    )
    finalized_at = models.DateTimeField(null=True, blank=True)
    payment_due_at = models.DateTimeField(null=True, blank=True)
    run = models.ForeignKey(
        "billing.BillingRun",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="invoices",
    )
    bound_event = models.BigIntegerField(default=0)
    bound_retraction = models.BigIntegerField(default=0)
    known_changes = models.PositiveIntegerField(default=0)
    adjustments = models.TextField(
        blank=True,
        default="",
        db_default="",
        help_text="What was known of discounts, tax and the plan's minimum: canonical JSON, "
        "empty without any.",
    )
    content_hash = models.CharField(max_length=64, blank=True)
    document_hash = models.CharField(max_length=64, blank=True)
    parties_digest = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["-id"]
        permissions = [
            ("void_invoice", "Can void an issued invoice"),
            ("write_off_invoice", "Can write an invoice off"),
            ("recover_invoice", "Can recover what was written off"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "operation_key"], name="billing_invoice_key"
            ),
            # NULL while a draft: only numbers that were given must differ.
            models.UniqueConstraint(
                fields=["project", "sequence"], name="billing_invoice_sequence"
            ),
        ]
        indexes = [
            models.Index(fields=["project", "id"], name="billing_invoice_list"),
            models.Index(fields=["project", "status", "due_at"], name="billing_invoice_due"),
            models.Index(fields=["project", "customer", "id"], name="billing_invoice_customer"),
        ]

    def __str__(self) -> str:
        return self.number or f"draft {self.public_id}"

    @property
    def number(self) -> str | None:
        """The number on the document, or None for a draft."""
        return None if self.sequence is None else f"INV-{self.sequence:06d}"

    @property
    def document(self) -> str:
        """How the ledger names it."""
        return f"invoice:{self.operation_key}"


class InvoiceLine(models.Model):
    """A line with all that its amount was computed from. It has no amount of its own: `transfer`
    has.
    """

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+")
    invoice = models.ForeignKey(Invoice, on_delete=models.PROTECT, related_name="lines")
    line_key = IdentifierField(max_length=400)
    position = models.PositiveIntegerField()
    kind = models.CharField(max_length=16)
    price = IdentifierField(blank=True, default="")
    description = models.CharField(max_length=600)
    period_start = models.DateTimeField()
    period_end = models.DateTimeField()
    quantity = models.CharField(max_length=64)
    unit_amount = models.CharField(max_length=64, blank=True)
    corrects_invoice = IdentifierField(
        max_length=400, blank=True, default="", help_text="The operation key of the invoice."
    )
    corrects_line = IdentifierField(max_length=400, blank=True, default="")
    evidence = models.TextField(help_text="Canonical JSON.")
    transfer = models.OneToOneField(
        "ledger.Transfer", on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ["invoice", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "invoice", "line_key"], name="billing_line_key"
            )
        ]

    def __str__(self) -> str:
        return self.description


class InvoiceParty(models.Model):
    """Who the invoice is from and to, as text of its own: erasing a person leaves the salted
    digest.
    """

    invoice = models.OneToOneField(Invoice, on_delete=models.PROTECT, related_name="party")
    salt = models.CharField(max_length=64)
    content = models.TextField(help_text="Canonical JSON.")

    def __str__(self) -> str:
        return str(self.invoice)


class NumberSeries(models.Model):
    """The last number given in a series of a project; locked by the last statement of a finalising
    transaction.
    """

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+")
    series = IdentifierField(max_length=32)
    last = models.PositiveBigIntegerField(default=0)

    class Meta:
        verbose_name_plural = "number series"
        constraints = [
            models.UniqueConstraint(fields=["project", "series"], name="billing_series_key")
        ]

    def __str__(self) -> str:
        return f"{self.series} {self.last}"
