"""Drawing on credits that came after an invoice was issued."""

from datetime import datetime

from billing.models import Invoice
from billing.selectors.amounts import issued_lines
from billing.selectors.credits import Drawing, drawing_moves
from billing.services.settlement import lock_invoice, restate
from ledger.drawing import Payable, after_draws
from ledger.selectors.settlements import CREDITS, settlement_of
from ledger.selectors.wallets import Funds, funds_of, next_occurrence, scopes_drawn
from ledger.services.journal import post_entries
from ledger.templates import OperationKey, Posting
from neruba.actor import Actor
from neruba.errors import ConflictError
from neruba.money import Money
from neruba.services.audit import record


def apply_credits(*, invoice: Invoice, actor: Actor, at: datetime) -> Money:
    """Draw on what came after an open invoice was issued; return how much that paid.

    Raises ConflictError for one that is not open.
    """
    invoice = lock_invoice(invoice)
    if invoice.status != Invoice.Status.OPEN:
        raise ConflictError(f"This invoice is {invoice.status}: nothing of it is due.")
    due = settlement_of(invoice.project, invoice.document).due_minor
    party, currency = invoice.customer.external_id, invoice.currency
    lines = _payable(invoice)
    funds = funds_of(invoice.project, [party]).get((party, currency), Funds())
    moves, _ = drawing_moves(Drawing(invoice, party, lines, due, at), funds)
    if not moves:
        return Money(0, currency)
    occurrence = next_occurrence(invoice.project, CREDITS, invoice.operation_key)
    key = OperationKey(CREDITS, invoice.operation_key, occurrence)
    post_entries(project=invoice.project, postings=[Posting(key, moves, at)], at=at)
    restate(invoice.project, [invoice])
    left = settlement_of(invoice.project, invoice.document).due_minor
    paid = Money(due - left, currency)
    record(
        project=invoice.project,
        actor=actor,
        action="invoice.credits_applied",
        on=("invoice", invoice.public_id),
        at=at,
        details={"amount": str(paid), "number": invoice.number},
    )
    return paid


def _payable(invoice: Invoice) -> tuple[Payable, ...]:
    """What its lines come to now: less credit notes, and what scoped grants paid of them before."""
    # A line below zero lowers what its price's lines come to; nothing is given back of it.
    lines = [
        Payable(
            one.line.price,
            one.gross_left_minor if one.net_minor > 0 else one.net_minor + sum(one.taxes.values()),
        )
        for one in issued_lines(invoice)
    ]
    return after_draws(lines, scopes_drawn(invoice.project, invoice.document))
