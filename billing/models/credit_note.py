"""Credit notes: views over the ledger, as invoices are."""

from django.db import models

from neruba.fields import IdentifierField
from neruba.models import Customer, Project


class CreditNote(models.Model):
    """A document that gives back what an invoice billed. Its amounts are those of the transfers of
    its entry, by line.
    """

    class Status(models.TextChoices):
        ISSUED = "issued", "Issued"
        VOID = "void", "Void"

    class Settle(models.TextChoices):
        INVOICE = "invoice", "The way the money came"
        BALANCE = "balance", "Customer balance"
        WALLET = "wallet", "A wallet"
        REFUND = "refund", "Refund"

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+")
    public_id = IdentifierField(max_length=40, unique=True)
    operation_key = IdentifierField(max_length=400)
    invoice = models.ForeignKey(
        "billing.Invoice", on_delete=models.PROTECT, related_name="credit_notes"
    )
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="credit_notes")
    currency = models.CharField(max_length=3)
    sequence = models.PositiveBigIntegerField(
        help_text="Place in the gapless series of the project."
    )
    settle = models.CharField(max_length=16, choices=Settle)
    status = models.CharField(max_length=16, choices=Status, default=Status.ISSUED)
    reason = models.CharField(max_length=500)
    issued_by = models.CharField(max_length=255)
    issued_at = models.DateTimeField()
    voided_at = models.DateTimeField(null=True, blank=True)
    grant = IdentifierField(
        max_length=40, default="", blank=True, help_text="The grant that it was settled to."
    )

    class Meta:
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "operation_key"], name="billing_credit_note_key"
            ),
            models.UniqueConstraint(
                fields=["project", "sequence"], name="billing_credit_note_sequence"
            ),
        ]
        indexes = [
            models.Index(fields=["project", "id"], name="billing_credit_note_list"),
            models.Index(fields=["project", "customer"], name="billing_credit_note_customer"),
        ]

    def __str__(self) -> str:
        return self.number

    @property
    def number(self) -> str:
        """The number on the document."""
        return f"CN-{self.sequence:06d}"


class CreditNoteLine(models.Model):
    """A line that gives back of one line of the invoice. Transfers name it by `key`."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+")
    credit_note = models.ForeignKey(CreditNote, on_delete=models.PROTECT, related_name="lines")
    invoice_line = models.ForeignKey(
        "billing.InvoiceLine", on_delete=models.PROTECT, related_name="credit_note_lines"
    )
    key = IdentifierField(max_length=400)
    position = models.PositiveIntegerField()
    description = models.CharField(max_length=600)
    quantity = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["credit_note", "position"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "credit_note", "key"], name="billing_credit_note_line_key"
            )
        ]

    def __str__(self) -> str:
        return self.description
