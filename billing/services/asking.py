"""Corrections that people make: done at once, or asked for where they are above their limit.

What waits for a second person is kept by public ids and amounts, and is checked anew when it is
approved: only what would be done then, is done.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from billing.models import CreditNote, Invoice
from billing.selectors.amounts import issued_lines
from billing.services.credit_notes import issue_credit_note
from billing.services.crediting import Credited, plan_credit_note
from billing.services.settlement import lock_invoice
from billing.services.write_offs import due_to_write_off, write_off
from ledger.selectors.settlements import CREDIT_NOTE, WRITE_OFF
from ledger.services.giving import Asked
from neruba.actor import Actor
from neruba.approvals import ApprovalKind
from neruba.errors import ConflictError, InvalidError, NotFoundError
from neruba.models import Project
from neruba.money import Money
from neruba.services.approvals import exceeds_limit, request_approval

Payload = Mapping[str, Any]
Summary = list[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A line to be credited: `amount` as text in major units; None: all that is left of it."""

    line: str
    amount: str | None = None
    quantity: str = ""


def credited_lines(invoice: Invoice, wanted: Sequence[Wanted]) -> list[Credited]:
    """The amounts that are wanted, in minor units. Raises InvalidError with a pointer for an amount
    that is none of the invoice's currency, and where all is wanted of a line with nothing left.
    """
    lines = {one.line.line_key: one for one in issued_lines(invoice)}
    found = []
    for index, one in enumerate(wanted):
        pointer = f"/lines/{index}/amount"
        if one.amount is None:
            billed = lines.get(one.line)
            minor = 0 if billed is None else billed.left_minor
            if billed is not None and not billed.gross_left_minor:
                raise InvalidError("Nothing is left of this line.", pointer=pointer)
        else:
            try:
                minor = Money.parse(one.amount, invoice.currency).minor
            except ValueError as error:
                raise InvalidError(str(error), pointer=pointer) from error
        found.append(Credited(one.line, minor, one.quantity))
    return found


def credit_or_ask(
    *,
    invoice: Invoice,
    lines: Sequence[Wanted],
    settle: str,
    reason: str,
    actor: Actor,
    at: datetime,
) -> CreditNote | Asked:
    """Issue a credit note in the caller's transaction, or ask for it where its total is above the
    actor's limit. Raises what `issue_credit_note` raises, for what is asked for too.
    """
    invoice = lock_invoice(invoice)
    credited = credited_lines(invoice, lines)
    plan = plan_credit_note(invoice, credited, settle=settle, at=at)
    total = Money(plan.total_minor, invoice.currency)
    if exceeds_limit(project=invoice.project, actor=actor, amount=total):
        amounts = [
            {
                "line": one.line,
                "amount": Money(one.amount_minor, invoice.currency).amount,
                "quantity": one.quantity,
            }
            for one in credited
        ]
        payload = {**_about(invoice, total, reason), "settle": settle, "lines": amounts}
        return _ask(invoice, CREDIT_NOTE, payload, total, actor=actor, at=at)
    return issue_credit_note(
        invoice=invoice, lines=credited, settle=settle, reason=reason, actor=actor, at=at
    )


def write_off_or_ask(*, invoice: Invoice, reason: str, actor: Actor, at: datetime) -> Money | Asked:
    """Write off what is due, in the caller's transaction, or ask for it where that is above the
    actor's limit. Raises what `write_off` raises, for what is asked for too.
    """
    invoice = lock_invoice(invoice)
    due = due_to_write_off(invoice)
    if exceeds_limit(project=invoice.project, actor=actor, amount=due):
        payload = _about(invoice, due, reason)
        return _ask(invoice, WRITE_OFF, payload, due, actor=actor, at=at)
    return write_off(invoice=invoice, reason=reason, actor=actor, at=at)


def _about(invoice: Invoice, amount: Money, reason: str) -> dict[str, object]:
    return {
        "invoice": invoice.public_id,
        "number": str(invoice),
        "customer": invoice.customer.external_id,
        "amount": amount.amount,
        "currency": amount.currency,
        "reason": reason,
    }


def _ask(
    invoice: Invoice,
    operation: str,
    payload: Mapping[str, object],
    amount: Money,
    *,
    actor: Actor,
    at: datetime,
) -> Asked:
    approval = request_approval(
        project=invoice.project,
        operation=operation,
        payload=payload,
        amount=amount,
        reason=str(payload["reason"]),
        actor=actor,
        at=at,
    )
    return Asked(approval.public_id)


def _invoice(project: Project, payload: Payload) -> Invoice:
    rows = Invoice.objects.filter(project=project).select_related("project", "customer")
    invoice = rows.filter(public_id=payload["invoice"]).first()
    if invoice is None:
        raise NotFoundError("There is no such invoice any more.")
    return invoice


def _issue(project: Project, payload: Payload, actor: Actor, at: datetime) -> str:
    invoice = _invoice(project, payload)
    wanted = [Wanted(**one) for one in payload["lines"]]
    note = issue_credit_note(
        invoice=invoice,
        lines=credited_lines(invoice, wanted),
        settle=payload["settle"],
        reason=payload["reason"],
        actor=actor,
        at=at,
    )
    return note.public_id


def _write_off(project: Project, payload: Payload, actor: Actor, at: datetime) -> str:
    invoice = lock_invoice(_invoice(project, payload))
    due = due_to_write_off(invoice)
    asked = Money.parse(payload["amount"], payload["currency"])
    if due != asked:
        raise ConflictError(f"{due} is due of it now, asked for was {asked}: ask again.")
    write_off(invoice=invoice, reason=payload["reason"], actor=actor, at=at)
    return invoice.public_id


def _of_document(_project: Project, payload: Payload) -> Summary:
    return [
        ("Customer", payload["customer"]),
        ("Invoice", payload["number"]),
        ("Amount", f"{payload['amount']} {payload['currency']}"),
    ]


def _of_credit_note(project: Project, payload: Payload) -> Summary:
    settle = CreditNote.Settle(payload["settle"]).label
    lines = [
        (f"Line {one['line']}", f"{one['amount']} {payload['currency']}")
        for one in payload["lines"]
    ]
    return [*_of_document(project, payload), ("What was paid goes", settle), *lines]


KINDS = (
    ApprovalKind(
        CREDIT_NOTE, "Issue a credit note", "billing.add_creditnote", _issue, _of_credit_note
    ),
    ApprovalKind(
        WRITE_OFF, "Write an invoice off", "billing.write_off_invoice", _write_off, _of_document
    ),
)
