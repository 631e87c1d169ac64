"""Where money goes that an invoice gives back: the way it came, or where it was asked to go."""

from dataclasses import dataclass
from datetime import datetime

from billing.models import CreditNote, Invoice
from ledger.selectors.settlements import settlement_of
from ledger.selectors.wallets import drawn_of, refunds_promised, wallet_for
from ledger.services.wallets import create_wallet, issue_grant
from ledger.templates import AccountKey, Move
from ledger.templates.credits import returned_moves
from ledger.templates.invoices import credit_excess_moves
from ledger.templates.keys import RECEIVABLE
from neruba.actor import Actor
from neruba.errors import ConflictError
from neruba.money import Money

Settle = CreditNote.Settle
WALLET_NAME = "Credit notes"


@dataclass(frozen=True, slots=True)
class GivenBack:
    """How an amount leaves an invoice again: the moves, the grants it returned to by public id, and
    what is left for a wallet, in minor units.
    """

    moves: tuple[Move, ...] = ()
    grants: tuple[str, ...] = ()
    wallet_minor: int = 0


def give_back(invoice: Invoice, amount_minor: int, *, settle: str, line: str) -> GivenBack:
    """The way of `amount_minor`, at most what was settled of the invoice, by what `settle` says.

    To be refunded is at most what was paid in money. Draws are undone backwards, to the same
    grants: promotional ones always before anything goes elsewhere, prepaid ones where it goes the
    way it came. The rest goes to the customer balance or a wallet. The caller holds the customer's
    lock. Raises ConflictError where nothing was paid that could be refunded.
    """
    if not amount_minor:
        return GivenBack()
    refunded = _refundable(invoice, amount_minor) if settle == Settle.REFUND else 0
    left = amount_minor - refunded
    moves: list[Move] = []
    grants: list[str] = []
    for key, drawn in reversed(drawn_of(invoice.project, invoice.document)):
        if key.kind == "paid" and settle not in (Settle.INVOICE, Settle.REFUND):
            continue
        taken = min(left, drawn)
        if taken:
            moves += returned_moves(key, taken, invoice.document)
            grants.append(key.grant)
            left -= taken
    party, currency = invoice.customer.external_id, invoice.currency
    for minor, to in ((refunded, "refund"), (0 if settle == Settle.WALLET else left, "balance")):
        moves += credit_excess_moves(
            minor,
            currency=currency,
            party=party,
            document=invoice.document,
            line=line,
            to="refund" if to == "refund" else "balance",
        )
    return GivenBack(tuple(moves), tuple(grants), left if settle == Settle.WALLET else 0)


def _refundable(invoice: Invoice, amount_minor: int) -> int:
    """As much of the amount as was paid in money and not given back before."""
    settlement = settlement_of(invoice.project, invoice.document)
    cash = settlement.paid_minor - refunds_promised(invoice.project, invoice.document)
    if cash <= 0:
        raise ConflictError("Nothing of this invoice was paid in money that could be refunded.")
    return min(amount_minor, cash)


def to_wallet(invoice: Invoice, amount: Money, *, reason: str, actor: Actor, at: datetime) -> str:
    """What a credit note gives back becomes a prepaid grant; its public id."""
    customer, document = invoice.customer, invoice.document
    wallet = wallet_for(customer, amount.currency)
    if wallet is None:
        wallet = create_wallet(customer=customer, name=WALLET_NAME, currency=amount.currency, at=at)
    receivable = AccountKey(RECEIVABLE, amount.currency, customer.external_id)
    grant = issue_grant(
        wallet=wallet,
        kind="paid",
        amount=amount,
        reason=reason,
        actor=actor,
        at=at,
        reason_code="credit_note",
        moves=lambda made: (
            Move(receivable, made.key.account, amount.minor, document, made.key.line),
        ),
    )
    return grant.public_id
