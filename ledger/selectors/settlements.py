"""What became of documents: how much of each was paid, by what, and what is still due."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal

from django.db.models import F, Sum
from django.db.models.functions import Coalesce

from ledger.models import Transfer
from ledger.templates.keys import (
    BALANCE,
    BANK,
    PREPAID,
    PROMOTIONAL,
    PSP,
    RECEIVABLE,
    REFUNDS,
    UNAPPLIED,
)
from neruba.models import Project

# The kinds of entries that move what is receivable of a document.
ISSUE = "invoice.issue"
CREDITS = "invoice.credits"
CREDIT_NOTE = "credit_note.issue"
WRITE_OFF = "invoice.write_off"
RECOVER = "invoice.recover"
VOID = "invoice.void"
VOID_PAYMENTS = "invoice.void.payments"

Part = Literal[
    "total_minor",
    "credits_minor",
    "balance_minor",
    "paid_minor",
    "credited_minor",
    "given_back_minor",
    "written_off_minor",
]
_MONEY = frozenset({PSP, BANK, UNAPPLIED})
_GRANTS = frozenset({PREPAID, PROMOTIONAL})
_GIVEN_BACK = frozenset({BALANCE, REFUNDS, PREPAID, PROMOTIONAL})


@dataclass(frozen=True, slots=True)
class Settlement:
    """The parts of a document's receivable, in minor units.

    `total_minor` as issued (zero once it is void), paid by grants (`credits_minor`), customer
    balance (below zero: what an invoice below zero gave it) and payments; `credited_minor` by
    credit notes, of which `given_back_minor` left again to grants, balance or as refunds;
    `written_off_minor` less what was recovered. Law: due = total - credits - balance - paid -
    credited + given back - written off.
    """

    total_minor: int = 0
    credits_minor: int = 0
    balance_minor: int = 0
    paid_minor: int = 0
    credited_minor: int = 0
    given_back_minor: int = 0
    written_off_minor: int = 0

    @property
    def kept_minor(self) -> int:
        """What paid for the document and did not leave it again."""
        settled = self.credits_minor + self.balance_minor + self.paid_minor
        return settled - self.given_back_minor

    @property
    def due_minor(self) -> int:
        """What is receivable of the document."""
        settled = self.credits_minor + self.balance_minor + self.paid_minor
        left = self.credited_minor - self.given_back_minor + self.written_off_minor
        return self.total_minor - settled - left


def settlements(project: Project, documents: Collection[str]) -> dict[str, Settlement]:
    """The settlement of each document that transfers name; two queries for any number."""
    sums: dict[str, dict[Part, int]] = defaultdict(lambda: defaultdict(int))
    rows = Transfer.objects.filter(project=project, document__in=documents).order_by()
    # A reversal belongs to the part of what it reverses.
    rows = rows.annotate(of=Coalesce(F("entry__reverses__kind"), F("entry__kind")))
    for side, other, sign in (("debit", "credit", 1), ("credit", "debit", -1)):
        on_receivable = rows.filter(**{f"{side}_account__code": RECEIVABLE})
        grouped = on_receivable.values_list("document", "of", f"{other}_account__code")
        for document, kind, counter, minor in grouped.annotate(total=Sum("amount_minor")):
            part = _part(kind, counter)
            grows = part in ("total_minor", "given_back_minor")
            sums[document][part] += sign * minor if grows else -sign * minor
    return {document: replace(Settlement(), **parts) for document, parts in sums.items()}


def settlement_of(project: Project, document: str) -> Settlement:
    """The settlement of one document; all zero where no transfer names it."""
    return settlements(project, [document]).get(document, Settlement())


def _part(kind: str, counter: str) -> Part:
    """What a transfer between the receivable and `counter` is part of, by its entry's kind."""
    if kind == CREDIT_NOTE:
        return "given_back_minor" if counter in _GIVEN_BACK else "credited_minor"
    if kind == CREDITS:
        return "credits_minor" if counter in _GRANTS else "balance_minor"
    if kind in (WRITE_OFF, RECOVER):
        return "written_off_minor"
    if kind == VOID_PAYMENTS or counter in _MONEY:
        return "paid_minor"
    if counter in _GIVEN_BACK:
        return "given_back_minor"
    return "total_minor"
