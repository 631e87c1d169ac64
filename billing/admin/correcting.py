"""Dialogs that correct an issued invoice, each of which shows what it does before it does it."""

from functools import partial
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from unfold.dataclasses import ActionDialog
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from billing.models import CreditNote, Invoice, InvoiceLine
from billing.selectors.amounts import issued_lines
from billing.selectors.credit_notes import note_documents
from billing.services.asking import Wanted, credit_or_ask, credited_lines, write_off_or_ask
from billing.services.credit_notes import check_note_void, void_credit_note
from billing.services.crediting import CreditPlan, plan_credit_note
from billing.services.write_offs import (
    check_void,
    due_to_write_off,
    moves_of_write_off,
    void_invoice,
)
from ledger.admin.asking import amount_of, asked_words, second_person
from ledger.selectors.settlements import settlement_of
from ledger.services.giving import Asked
from ledger.templates.keys import BALANCE, DEFERRED, PREPAID, PROMOTIONAL, RECEIVABLE, REFUNDS
from neruba import clock
from neruba.admin.dialogs import PreviewForm, act_previewed, operator
from neruba.admin.page import money, page_of
from neruba.errors import InvalidError
from neruba.money import Money

LINES_SHOWN = 50
MAX_REASON = 500


class InvoiceForm(PreviewForm[Invoice]):
    """A dialog about an invoice."""

    rows = Invoice.objects.select_related("project", "customer__project", "subscription")

    def text(self, minor: int) -> str:
        return money(Money(minor, self.row.currency))

    @property
    def due_minor(self) -> int:
        return settlement_of(self.row.project, self.row.document).due_minor


class CreditForm(InvoiceForm):
    """How much of each line is given back, and where it goes."""

    confirm_words = "Issue this credit note"

    reason = forms.CharField(
        max_length=MAX_REASON,
        help_text="It stands on the credit note.",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}),
    )
    settle = forms.ChoiceField(
        label="What was paid already goes",
        choices=[
            ("invoice", "back the way it came: to its credits, the rest to the customer balance"),
            ("balance", "to the customer balance"),
            ("wallet", "to a wallet, as prepaid credit"),
            ("refund", "to the customer, as a refund"),
        ],
        widget=UnfoldAdminSelectWidget(),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.named: dict[str, InvoiceLine] = {}
        if self.row.status == Invoice.Status.DRAFT:
            return
        left = [one for one in issued_lines(self.row) if one.left_minor]
        for one in left[:LINES_SHOWN]:
            line = one.line
            taxed = ", net: its tax goes back with it" if any(one.taxes.values()) else ""
            name = f"amount_{line.position}"
            self.named[name] = line
            self.fields[name] = forms.CharField(
                required=False,
                label=line.description,
                help_text=f"{self.text(one.left_minor)} is left{taxed}. Empty: nothing of it.",
                widget=UnfoldAdminTextInputWidget(attrs={"inputmode": "decimal"}),
            )
        self.order_fields([*self.named, "settle", "reason"])

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or self.cleaned_data
        for name in self.named:
            if given.get(name, "").strip():
                try:
                    given[name] = amount_of(given[name], self.row.currency).amount
                except forms.ValidationError as error:
                    self.add_error(name, error)
        return given

    @property
    def wanted(self) -> list[Wanted]:
        """The lines with an amount. Raises InvalidError where none has one."""
        given = self.cleaned_data
        chosen = [name for name in self.named if given[name].strip()]
        if not chosen:
            raise InvalidError(
                "Say how much of which line.", pointer=f"/{next(iter(self.named), '')}"
            )
        return [Wanted(self.named[name].line_key, given[name]) for name in chosen]

    def preview(self) -> list[str]:
        invoice, now = self.row, clock.now(self.row.project)
        plan = plan_credit_note(
            invoice,
            credited_lines(invoice, self.wanted),
            settle=self.cleaned_data["settle"],
            at=now,
        )
        lines = ", ".join(
            f"{self.text(one.amount_minor)} of {line.description}" for line, one in plan.lines
        )
        said = [f"A credit note over {self.text(plan.total_minor)} is issued: {lines}."]
        if plan.unpaid_minor:
            due = self.due_minor
            said.append(
                f"{self.text(plan.unpaid_minor)} was not paid yet: {self.text(due)} was due, "
                f"{self.text(due - plan.unpaid_minor)} will be."
            )
        said += [*self._given_back(plan), *self._earned(plan)]
        total = Money(plan.total_minor, invoice.currency)
        return said + second_person(invoice.project, operator(self.request), total)

    def _given_back(self, plan: CreditPlan) -> list[str]:
        """Where that goes which was paid already."""
        places = {
            PROMOTIONAL: "returns to the promotional credit that was drawn",
            PREPAID: "returns to the prepaid credit that was drawn",
            REFUNDS: "is promised to the customer as a refund, which has yet to be paid out",
            BALANCE: "goes to the customer balance, which pays the next invoices",
        }
        sums = dict.fromkeys(places, 0)
        for move in plan.back.moves:
            if move.debit.code == RECEIVABLE and move.credit.code in sums:
                sums[move.credit.code] += move.amount_minor
        said = [f"{self.text(minor)} {places[code]}." for code, minor in sums.items() if minor]
        if plan.back.wallet_minor:
            said.append(f"{self.text(plan.back.wallet_minor)} becomes prepaid credit in a wallet.")
        return said

    def _earned(self, plan: CreditPlan) -> list[str]:
        unearned = sum(
            move.amount_minor
            for move in plan.moves
            if (move.debit.code, move.credit.code) == (DEFERRED, RECEIVABLE)
        )
        said = []
        if unearned:
            said.append(f"{self.text(unearned)} of it was not earned yet: deferred revenue falls.")
        if rest := plan.total_minor - unearned:
            said.append(f"{self.text(rest)} of it was earned: it lowers net revenue (4900).")
        return said


class VoidForm(InvoiceForm):
    """Taking a whole invoice back."""

    confirm_words = "Void this invoice"

    def preview(self) -> list[str]:
        invoice = self.row
        if invoice.status == Invoice.Status.DRAFT:
            raise InvalidError("A draft is not issued yet: nothing is owed on it.")
        check_void(invoice)
        parts = settlement_of(invoice.project, invoice.document)
        said = [
            f"{invoice.number} is taken back: every entry of it is reversed, and nothing is owed.",
            "Its number stays, and what it billed is not billed anew.",
        ]
        sentences = (
            (parts.credits_minor, "returns to the credits that were drawn"),
            (parts.balance_minor, "returns to the customer balance"),
            (-parts.balance_minor, "is taken from the customer balance again"),
            (parts.paid_minor, "was paid in money and becomes customer balance"),
            (parts.written_off_minor, "is written off no more"),
        )
        said += [f"{self.text(minor)} {words}." for minor, words in sentences if minor > 0]
        return said


class WriteOffForm(InvoiceForm):
    """Giving up what is due."""

    confirm_words = "Write it off"

    def preview(self) -> list[str]:
        invoice = self.row
        amount = due_to_write_off(invoice)
        moves = moves_of_write_off(invoice, amount, at=clock.now(invoice.project))
        unearned = sum(
            move.amount_minor
            for move in moves
            if (move.debit.code, move.credit.code) == (DEFERRED, RECEIVABLE)
        )
        said = [
            f"{money(amount)} that is due of {invoice.number} is given up: it is uncollectible."
        ]
        if unearned:
            said.append(f"{self.text(unearned)} of it was not earned yet: deferred revenue falls.")
        if bad := amount.minor - unearned:
            said.append(f"{self.text(bad)} of it is a loss: bad debt (5100).")
        said.append("What comes in after all can be recovered.")
        return said + second_person(invoice.project, operator(self.request), amount)


class VoidNoteForm(PreviewForm[CreditNote]):
    """Taking a credit note back."""

    rows = CreditNote.objects.select_related("project", "customer", "invoice__project")
    confirm_words = "Void this credit note"

    def preview(self) -> list[str]:
        note = self.row
        check_note_void(note)
        (document,) = note_documents(note.project, [note])
        gone = money(document.total)
        return [
            f"{note.number} is taken back: {gone} less is given back of {note.invoice.number}.",
            "Its entry is reversed; its number stays.",
            "What it gave to credits, balance or a wallet is taken from there: it must be unspent.",
        ]


CREDIT: ActionDialog = {
    "title": "Credit note",
    "description": "Gives back a part of what lines billed, never more than is left of each.",
    "form_class": CreditForm,
    "form_submit_text": "Preview",
}
VOID: ActionDialog = {
    "title": "Void this invoice",
    "description": "Takes it back as a whole, as if it had not been issued.",
    "form_class": VoidForm,
    "form_submit_text": "Preview",
}
WRITE_OFF: ActionDialog = {
    "title": "Write off what is due",
    "description": "For what nobody is going to pay. It stays in the books as a loss.",
    "form_class": WriteOffForm,
    "form_submit_text": "Preview",
}
VOID_NOTE: ActionDialog = {
    "title": "Void this credit note",
    "description": "Takes it back: what it gave back is due again.",
    "form_class": VoidNoteForm,
    "form_submit_text": "Preview",
}


def credit(request: HttpRequest, form: CreditForm) -> HttpResponse:
    invoice = form.row

    def work() -> CreditNote | Asked:
        return credit_or_ask(
            invoice=invoice,
            lines=form.wanted,
            settle=form.cleaned_data["settle"],
            **_who(request, form),
        )

    def done(made: CreditNote | Asked) -> str:
        if isinstance(made, Asked):
            return asked_words(invoice.project, made)
        return f"{made.number} was issued."

    return act_previewed(
        request, form=form, dialog=CREDIT, work=work, done=done, then=page_of(invoice)
    )


def void(request: HttpRequest, form: VoidForm) -> HttpResponse:
    work = partial(void_invoice, invoice=form.row, **_who(request, form))
    return act_previewed(
        request,
        form=form,
        dialog=VOID,
        work=work,
        done=lambda made: f"{made.number} is void.",
        then=page_of(form.row),
    )


def write_off(request: HttpRequest, form: WriteOffForm) -> HttpResponse:
    invoice = form.row

    def done(given_up: Money | Asked) -> str:
        if isinstance(given_up, Asked):
            return asked_words(invoice.project, given_up)
        return f"{money(given_up)} was written off."

    work = partial(write_off_or_ask, invoice=invoice, **_who(request, form))
    return act_previewed(
        request, form=form, dialog=WRITE_OFF, work=work, done=done, then=page_of(invoice)
    )


def void_note(request: HttpRequest, form: VoidNoteForm) -> HttpResponse:
    work = partial(void_credit_note, note=form.row, **_who(request, form))
    return act_previewed(
        request,
        form=form,
        dialog=VOID_NOTE,
        work=work,
        done=lambda made: f"{made.number} is void.",
        then=page_of(form.row),
    )


def _who(request: HttpRequest, form: PreviewForm[Any]) -> dict[str, Any]:
    return {
        "reason": form.cleaned_data["reason"],
        "actor": operator(request),
        "at": clock.now(form.project),
    }
