"""Wallets and the grants in them."""

from django.db import models

from ledger.templates.credits import GrantKey, GrantKind
from neruba.fields import IdentifierField
from neruba.models import Customer, Project


class Wallet(models.Model):
    """Where a customer's credits in one currency are kept; a customer may have several."""

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+")
    public_id = IdentifierField(max_length=40, unique=True)
    customer = models.ForeignKey(Customer, on_delete=models.PROTECT, related_name="wallets")
    name = models.CharField(max_length=255)
    currency = models.CharField(max_length=3)
    created_at = models.DateTimeField()

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["project", "id"], name="ledger_wallet_list"),
            models.Index(fields=["project", "customer"], name="ledger_wallet_customer"),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.currency})"


class Grant(models.Model):
    """Credit that pays for invoices: an account with a floor, which its key names.

    What is left of it is the balance of that account. `due_at` is when it expires, empty once it
    has, was revoked, or while a dispute freezes it.
    """

    class Kind(models.TextChoices):
        PAID = "paid", "Paid"
        PROMOTIONAL = "promotional", "Promotional"

    class End(models.TextChoices):
        NONE = "", "Not ended"
        EXPIRED = "expired", "Expired"
        REVOKED = "revoked", "Revoked"

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+")
    public_id = IdentifierField(max_length=40, unique=True)
    wallet = models.ForeignKey(Wallet, on_delete=models.PROTECT, related_name="grants")
    kind = models.CharField(max_length=16, choices=Kind)
    amount_minor = models.BigIntegerField(help_text="What was granted, in minor units.")
    priority = models.PositiveSmallIntegerField(default=50, help_text="0 is drawn on first.")
    effective_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    prices = models.JSONField(
        default=list, blank=True, help_text="Codes of the prices it pays for; empty: all."
    )
    reason_code = models.CharField(max_length=32, blank=True)
    reason = models.CharField(max_length=500)
    granted_by = models.CharField(max_length=255)
    origin = IdentifierField(
        max_length=100, default="", blank=True, help_text="The sale that paid for it; empty: none."
    )
    frozen_by = IdentifierField(
        max_length=100, default="", blank=True, help_text="The dispute that freezes it."
    )
    created_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True, blank=True)
    end = models.CharField(max_length=16, choices=End, default=End.NONE, blank=True)
    settle = models.CharField(
        max_length=16, blank=True, help_text="Where what was revoked of prepaid money went."
    )

    class Meta:
        ordering = ["id"]
        indexes = [
            models.Index(fields=["project", "id"], name="ledger_grant_list"),
            models.Index(fields=["project", "due_at"], name="ledger_grant_due"),
            models.Index(fields=["project", "origin"], name="ledger_grant_origin"),
        ]

    def __str__(self) -> str:
        return self.public_id

    @property
    def currency(self) -> str:
        return self.wallet.currency

    @property
    def key(self) -> GrantKey:
        """How the books name it; its wallet and customer should be loaded."""
        kind: GrantKind = "paid" if self.kind == self.Kind.PAID else "promotional"
        party = self.wallet.customer.external_id
        return GrantKey(self.public_id, kind, self.wallet.currency, party)
