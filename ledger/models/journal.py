"""Entries and their transfers."""

from django.db import models
from django.db.models import CheckConstraint, F, Q

from ledger.models.account import Account
from neruba.fields import IdentifierField
from neruba.models import Project


class JournalEntry(models.Model):
    """One fact in the books, written once: (kind, object, occurrence) is its operation key.
    Append-only.
    """

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+")
    kind = IdentifierField(max_length=64)
    object = IdentifierField(max_length=400)
    occurrence = models.PositiveIntegerField(default=1)
    occurred_at = models.DateTimeField(help_text="The accounting date.")
    recorded_at = models.DateTimeField(help_text="When the books learned of it.")
    month = models.CharField(
        max_length=7, help_text="Accounting month, yyyy-mm, in the project's time zone."
    )
    reverses = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="reversed_by"
    )
    request_hash = models.CharField(
        max_length=64, help_text="Of key, accounting date and moves, by natural keys."
    )

    class Meta:
        verbose_name_plural = "journal entries"
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "kind", "object", "occurrence"], name="ledger_entry_key"
            )
        ]
        indexes = [
            models.Index(fields=["project", "id"], name="ledger_entry_list"),
            models.Index(fields=["project", "occurred_at"], name="ledger_entry_time"),
        ]

    def __str__(self) -> str:
        return f"{self.kind}:{self.object}:{self.occurrence}"


class Transfer(models.Model):
    """One positive amount from one account to another, in minor units. Append-only; a reversing
    entry corrects it.
    """

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+")
    entry = models.ForeignKey(JournalEntry, on_delete=models.PROTECT, related_name="transfers")
    debit_account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    credit_account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    amount_minor = models.BigIntegerField()
    currency = models.CharField(max_length=3)
    document = IdentifierField(max_length=400, default="", blank=True)
    line = IdentifierField(max_length=400, default="", blank=True)

    class Meta:
        ordering = ["id"]
        constraints = [
            CheckConstraint(condition=Q(amount_minor__gt=0), name="ledger_transfer_positive"),
            CheckConstraint(
                condition=~Q(debit_account=F("credit_account")), name="ledger_transfer_sides"
            ),
        ]
        indexes = [
            models.Index(fields=["project", "id"], name="ledger_transfer_list"),
            models.Index(fields=["project", "document"], name="ledger_transfer_document"),
        ]

    def __str__(self) -> str:
        sides = f"{self.debit_account_id} → {self.credit_account_id}"
        return f"{sides} {self.amount_minor} {self.currency}"
