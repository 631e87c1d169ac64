"""How an invoice was settled, part by part, in the order of a statement."""

from collections import defaultdict
from dataclasses import dataclass

from billing.models import CreditNote
from billing.selectors.credit_notes import NoteDocument, note_documents
from billing.selectors.documents import Document
from ledger.selectors.journal import transfers_of_documents
from ledger.selectors.settlements import CREDITS
from ledger.selectors.wallets import GRANT_CODES, grants_of


@dataclass(frozen=True, slots=True)
class Draw:
    """So much of a grant, in minor units, that an invoice drew; returns are no part of it."""

    grant: str
    kind: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Settled:
    """What settled an invoice: draws in their order, credit notes that stand, oldest first. All
    else is the document's settlement.
    """

    draws: tuple[Draw, ...] = ()
    notes: tuple[NoteDocument, ...] = ()


def settled_of(document: Document) -> Settled:
    """The parts of an issued invoice by grant and by credit note."""
    invoice = document.invoice
    drawn: dict[str, int] = defaultdict(int)
    rows = transfers_of_documents(invoice.project, [invoice.document])
    for row in rows.filter(entry__kind=CREDITS, entry__reversed_by=None):
        if row.debit_account.code in GRANT_CODES:
            drawn[row.debit_account.sub] += row.amount_minor
    kinds = {
        grant.public_id: grant.kind
        for grant in grants_of(invoice.project).filter(public_id__in=drawn)
    }
    notes = CreditNote.objects.filter(invoice=invoice, status=CreditNote.Status.ISSUED)
    standing = list(notes.select_related("invoice").order_by("sequence"))
    return Settled(
        tuple(Draw(grant, kinds[grant], minor) for grant, minor in drawn.items()),
        tuple(note_documents(invoice.project, standing)),
    )
