"""What waits for a second person: seen, approved, refused, withdrawn."""

import json
from collections.abc import Callable
from functools import partial

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.dataclasses import ActionDialog
from unfold.decorators import action

from neruba import clock
from neruba.admin.dialogs import RowForm, act, operator
from neruba.admin.page import (
    Banner,
    Fact,
    Page,
    PageAdmin,
    Table,
    instant,
    label,
    list_of,
    money,
    page_of,
)
from neruba.admin.place import project_of
from neruba.approvals import kind_of
from neruba.models import Approval, AuditRecord
from neruba.money import Money
from neruba.services import approvals

COLOURS = {"requested": "warning", "approved": "success", "refused": "error", "withdrawn": "plain"}


class DecisionForm(RowForm[Approval]):
    rows = Approval.objects.select_related("project")


APPROVE: ActionDialog = {
    "title": "Approve",
    "description": "What was asked for is done at once. Both names stand in the audit history.",
    "form_class": DecisionForm,
    "form_submit_text": "Approve and do it",
}
REFUSE: ActionDialog = {
    "title": "Refuse",
    "description": "Nothing is done. Whoever asked finds your reason on this page.",
    "form_class": DecisionForm,
    "form_submit_text": "Refuse",
}
WITHDRAW: ActionDialog = {
    "title": "Withdraw your request",
    "description": "Nothing is done, and nobody can approve it any more.",
    "form_class": DecisionForm,
    "form_submit_text": "Withdraw",
}


def waiting(request: HttpRequest) -> QuerySet[Approval]:
    """What waits in the project where the operator stands, but what they asked for themselves."""
    rows = Approval.objects.filter(project=project_of(request), state=Approval.State.REQUESTED)
    return rows.exclude(asked_by=operator(request).name)


def badge(request: HttpRequest) -> str | None:
    """How many wait for this operator, beside the entry of the navigation."""
    if not request.user.has_perm("neruba.change_approval"):
        return None
    if not hasattr(request, "approvals_waiting"):  # the navigation is made twice a page
        request.approvals_waiting = waiting(request).count()  # type: ignore[attr-defined]
    count: int = request.approvals_waiting  # type: ignore[attr-defined]
    return str(count) if count else None


@admin.register(Approval)
class ApprovalAdmin(PageAdmin):
    list_display = ["what", "amount", "standing", "asked_by", "asked_at", "decided_by"]
    list_filter = ["state", "operation"]
    list_select_related = ["project"]
    ordering = ["-id"]
    search_fields = ["public_id__exact", "asked_by__startswith", "decided_by__startswith"]
    search_help_text = "An id, or the beginning of an operator's address"
    actions_detail = ["approve", "refuse", "withdraw"]

    @admin.display(description="What")
    def what(self, row: Approval) -> str:
        kind = kind_of(row.operation)
        return kind.title if kind is not None else row.operation

    @admin.display(description="Amount")
    def amount(self, row: Approval) -> str:
        return money(Money(row.amount_minor, row.currency))

    @admin.display(description="State", ordering="state")
    def standing(self, row: Approval) -> str:
        if row.has_lapsed(clock.now(row.project)):
            return label("lapsed", "plain")
        return label(row.get_state_display().lower(), COLOURS[row.state])

    @action(
        description="Approve",
        permissions=["neruba.change_approval"],
        icon="check_circle",
        dialog=APPROVE,
    )
    def approve(self, request: HttpRequest, form: DecisionForm, object_id: str) -> HttpResponse:
        return _decide(request, form, APPROVE, approvals.approve, "Approved, and done.")

    @action(
        description="Refuse",
        permissions=["neruba.change_approval"],
        icon="cancel",
        dialog=REFUSE,
    )
    def refuse(self, request: HttpRequest, form: DecisionForm, object_id: str) -> HttpResponse:
        return _decide(request, form, REFUSE, approvals.refuse, "Refused; nothing was done.")

    @action(
        description="Withdraw",
        permissions=["neruba.add_approval"],
        icon="undo",
        dialog=WITHDRAW,
    )
    def withdraw(self, request: HttpRequest, form: DecisionForm, object_id: str) -> HttpResponse:
        return _decide(request, form, WITHDRAW, approvals.withdraw, "Your request is withdrawn.")

    def page(self, request: HttpRequest, row: Approval) -> Page:
        kind = kind_of(row.operation)
        payload = json.loads(row.payload)
        asked = kind.summary(row.project, payload) if kind is not None else []
        story = [(instant(row.asked_at), row.asked_by, "asked for it", row.reason)]
        if row.decided_at is not None:
            said = row.get_state_display().lower()
            story.append((instant(row.decided_at), row.decided_by, said, row.decision_reason))
        return Page(
            banners=_banners(request, row),
            facts=[
                Fact("What", self.what(row)),
                Fact("Amount", self.amount(row)),
                Fact("State", self.standing(row)),
                *(Fact(name, value) for name, value in asked if name != "Amount"),
                Fact("Made", row.result),
                Fact("In the audit", list_of(AuditRecord, "the whole story", q=row.public_id)),
            ],
            tables=[
                Table(
                    title="The story",
                    columns=("When", "Who", "Did", "Why"),
                    rows=story,
                    empty="",
                )
            ],
        )


def _banners(request: HttpRequest, row: Approval) -> list[Banner]:
    if row.state != Approval.State.REQUESTED:
        return []
    if row.has_lapsed(clock.now(row.project)):
        return [Banner("warning", "It was asked for more than 14 days ago: ask again.")]
    if row.asked_by == operator(request).name:
        return [Banner("info", "You asked for it: somebody else decides. You can withdraw it.")]
    return [Banner("warning", "It waits for a decision. Nothing was done yet.")]


def _decide(
    request: HttpRequest,
    form: DecisionForm,
    dialog: ActionDialog,
    service: Callable[..., Approval],
    done: str,
) -> HttpResponse:
    work = partial(
        service,
        approval=form.row,
        reason=form.cleaned_data["reason"],
        actor=operator(request),
        at=clock.now(form.project),
    )
    return act(
        request, form=form, dialog=dialog, work=work, done=lambda _: done, then=page_of(form.row)
    )
