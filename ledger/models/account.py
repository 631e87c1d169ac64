"""Accounts."""

from django.db import models

from neruba.fields import IdentifierField
from neruba.models import Project


class Account(models.Model):
    """A place where value stands: (project, code, currency, party, sub), none of them null.

    `party` is a customer's external id or '', `sub` a grant, tax rate, dispute or ''. The chart of
    accounts (`ledger/chart.py`) says what a code means, which side is normal, and whether a floor
    stands at zero; only there a balance is kept, in minor units of the normal side. Shared accounts
    keep none, so that nothing waits for them.
    """

    project = models.ForeignKey(Project, on_delete=models.PROTECT, related_name="+")
    code = models.CharField(max_length=8)
    currency = models.CharField(max_length=3)
    party = IdentifierField(default="", blank=True)
    sub = IdentifierField(default="", blank=True)
    balance_minor = models.BigIntegerField(null=True, blank=True)

    class Meta:
        ordering = ["code", "currency", "party", "sub"]
        constraints = [
            models.UniqueConstraint(
                fields=["project", "code", "currency", "party", "sub"], name="ledger_account_key"
            )
        ]
        indexes = [models.Index(fields=["project", "party"], name="ledger_account_party")]

    def __str__(self) -> str:
        return " ".join(part for part in (self.code, self.currency, self.party, self.sub) if part)
