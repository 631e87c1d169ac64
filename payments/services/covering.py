"""What a refund gives back in the books: all of it stands on 2300 until it is paid out.

First what was paid too much and still lies on the customer balance; then the invoices that the
payment paid, the last one first, by credit notes in proportion; then what is left of a pack.
A refund that was made at the provider is a fact: what none of these covers comes from the customer
balance, and last of all from 4900, as a gift.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from billing.models import CreditNote, Invoice
from billing.selectors.amounts import issued_lines
from billing.services.credit_notes import in_proportion, issue_credit_note
from billing.services.crediting import CREDITABLE
from ledger.selectors.settlements import settlement_of
from ledger.selectors.wallets import (
    balance_of,
    grant_balances,
    next_occurrence,
    refunds_promised,
)
from ledger.services.journal import post_entry
from ledger.services.sold import grants_sold, revoke_bonus
from ledger.services.wallets import adjust_balance, revoke_grant
from ledger.templates import AccountKey, Move, OperationKey
from ledger.templates.keys import REFUNDS, UNAPPLIED
from ledger.templates.payments import balance_refund_moves
from neruba.actor import Actor
from neruba.errors import ConflictError
from neruba.money import Money
from payments.entries import REFUND_COVER
from payments.models import PackSale, Payment
from payments.selectors.applied import AppliedParts, applied_parts, invoices_of_documents

Part = dict[str, str]


@dataclass(frozen=True, slots=True)
class Covered:
    """By what a refund is covered; `credit_note` is the first of its credit notes."""

    parts: tuple[Part, ...]
    credit_note: CreditNote | None


@dataclass(slots=True)
class _Refunding:
    """A refund on its way: how much of it is not covered yet, in minor units."""

    payment: Payment
    refund: str
    left: int
    reason: str
    actor: Actor
    at: datetime
    credit_note: CreditNote | None = None

    def money(self, minor: int) -> Money:
        return Money(minor, self.payment.currency)


def cover(
    payment: Payment,
    amount: Money,
    *,
    refund: str,
    reason: str,
    actor: Actor,
    at: datetime,
    is_done: bool = False,
) -> Covered:
    """Post what a refund (public id) gives back, in the caller's transaction; customer and payment
    are locked. `is_done`: it was made at the provider, and cannot be refused.

    Raises ConflictError where what the payment bought was given back already, or was used.
    """
    one = _Refunding(payment, refund, amount.minor, reason, actor, at)
    applied = applied_parts(payment)
    parts = list(_parts(one, applied))
    if one.left and not is_done:
        raise ConflictError(
            f"{amount - one.money(one.left)} of what this payment paid can be given back; the rest "
            "was credited or used already."
        )
    if one.left:
        parts += _given(one)
    return Covered(tuple(parts), one.credit_note)


def _parts(one: _Refunding, applied: AppliedParts) -> Iterator[Part]:
    if applied.unapplied_minor:
        yield from _unapplied(one, min(one.left, applied.unapplied_minor))
    yield from _balance(one, applied.balance_minor)
    invoices = invoices_of_documents(
        one.payment.project, [document for document, _ in applied.documents]
    )
    for document, minor in reversed(applied.documents):
        invoice = invoices.get(document)
        if invoice is not None and one.left:
            yield from _credit(one, invoice, minor)
    for sale in PackSale.objects.filter(payment=one.payment).select_related("pack", "project"):
        yield from _revoke(one, sale)


def _unapplied(one: _Refunding, minor: int) -> Iterator[Part]:
    if minor:
        currency = one.payment.currency
        move = Move(AccountKey(UNAPPLIED, currency), AccountKey(REFUNDS, currency), minor)
        yield _posted(one, (move,), minor, "unapplied receipts")


def _balance(one: _Refunding, most_minor: int) -> Iterator[Part]:
    customer, currency = one.payment.customer, one.payment.currency
    if customer is None:
        return
    standing = balance_of(one.payment.project, customer.external_id, currency)
    minor = min(one.left, most_minor, standing)
    if minor:
        moves = balance_refund_moves(minor, currency=currency, party=customer.external_id)
        yield _posted(one, moves, minor, "customer balance")


def _posted(one: _Refunding, moves: tuple[Move, ...], minor: int, source: str) -> Part:
    project = one.payment.project
    post_entry(
        project=project,
        key=OperationKey(
            REFUND_COVER, one.refund, next_occurrence(project, REFUND_COVER, one.refund)
        ),
        moves=moves,
        occurred_at=one.at,
        at=one.at,
    )
    one.left -= minor
    return {"from": source, "amount": one.money(minor).amount}


def _credit(one: _Refunding, invoice: Invoice, applied_minor: int) -> Iterator[Part]:
    """A credit note on a paid invoice, of at most what was paid in money and not credited yet."""
    settled = settlement_of(invoice.project, invoice.document)
    if invoice.status not in CREDITABLE or settled.due_minor > 0:
        return
    cash = settled.paid_minor - refunds_promised(invoice.project, invoice.document)
    minor = min(one.left, applied_minor, cash, _creditable(invoice))
    if minor <= 0:
        return
    note = issue_credit_note(
        invoice=invoice,
        lines=in_proportion(invoice, one.money(minor)),
        settle=CreditNote.Settle.REFUND,
        reason=one.reason[:500],
        actor=one.actor,
        at=one.at,
    )
    one.credit_note = one.credit_note or note
    one.left -= minor
    yield {"from": f"credit note {note}", "amount": one.money(minor).amount}


def _creditable(invoice: Invoice) -> int:
    """What is left of the invoice's lines with their tax, in minor units."""
    return sum(one.gross_left_minor for one in issued_lines(invoice))


def _revoke(one: _Refunding, sale: PackSale) -> Iterator[Part]:
    """What is not spent of a pack, and as large a share of its bonus."""
    grants = grants_sold(sale.project, sale.document)
    left = grant_balances(grants)
    for grant in grants:
        minor = min(one.left, left[grant.pk])
        if grant.kind != grant.Kind.PAID or grant.frozen_by or not minor:
            continue
        revoke_grant(
            grant=grant,
            amount=None if minor == left[grant.pk] else one.money(minor),
            reason=one.reason,
            actor=one.actor,
            at=one.at,
            settle="refund",
            reason_code="refund",
        )
        one.left -= minor
        share = sale.pack.bonus_minor * minor // sale.pack.price_minor
        revoke_bonus(
            project=sale.project,
            origin=sale.document,
            occurred_at=one.at,
            at=one.at,
            most_minor=share,
        )
        yield {"from": f"credit pack {sale.pack}", "amount": one.money(minor).amount}


def _given(one: _Refunding) -> Iterator[Part]:
    """What was refunded at the provider beyond what the payment still stood for."""
    yield from _balance(one, one.left)
    if not one.left:
        return
    customer = one.payment.customer
    if customer is None:
        raise ConflictError("More was refunded than came in.")
    adjust_balance(
        customer=customer,
        amount=one.money(one.left),
        reason=f"refund {one.refund} beyond what was billed",
        actor=one.actor,
        at=one.at,
        reason_code="refund",
    )
    yield from ({**part, "from": "a gift"} for part in _balance(one, one.left))
