"""What waits for a second person: seen, approved, refused, withdrawn."""

import json
from collections.abc import Callable
from functools import partial
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.contrib.filters.admin import DropdownFilter
from unfold.dataclasses import ActionDialog, UnfoldAction
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
from neruba.admin.place import acting_role, place_of, project_of
from neruba.approvals import kind_of
from neruba.models import Approval, AuditRecord
from neruba.selectors.approvals import LAPSED, in_state, state_of, waiting_for
from neruba.services import approvals
from neruba.services.roles import permissions_of

State = Approval.State
ALL = "all"
COLOURS = {
    State.REQUESTED: "warning",
    State.APPROVED: "success",
    State.REFUSED: "error",
    State.WITHDRAWN: "plain",
    LAPSED: "plain",
}


class DecisionForm(RowForm[Approval]):
    rows = Approval.objects.select_related("project")


class ApproveForm(DecisionForm):
    """Says what will be done, and who asked for it."""

    form_before_template = "console/facts.html"

    def get_before_template_context(
        self, request: HttpRequest, object_id: int | str | None = None
    ) -> dict[str, Any]:
        asked = [Fact("Asked by", f"{self.row.asked_by}: {self.row.reason}")]
        return {"facts": [*facts_of(self.row), *asked]}


APPROVE: ActionDialog = {
    "title": "Approve",
    "description": "This is done at once. Both names stand in the audit history.",
    "form_class": ApproveForm,
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


def badge(request: HttpRequest) -> int:
    """How many wait for this operator, beside the entry of the navigation."""
    project = project_of(request)
    if project is None:
        return 0
    if not hasattr(request, "approvals_waiting"):  # the navigation is made twice a page
        role = acting_role(request)
        request.approvals_waiting = waiting_for(  # type: ignore[attr-defined]
            project=project,
            name=operator(request).name,
            role=role,
            permissions=place_of(request).permissions or permissions_of(role),
            at=clock.now(project),
        )
    count: int = request.approvals_waiting  # type: ignore[attr-defined]
    return count


def facts_of(row: Approval) -> list[Fact]:
    """What is asked for, as its app says it to a person."""
    kind = kind_of(row.operation)
    asked = kind.summary(row.project, json.loads(row.payload)) if kind is not None else []
    return [
        Fact("What", row.operation if kind is None else kind.title),
        Fact("Amount", money(row.amount)),
        *(Fact(name, value) for name, value in asked if name != "Amount"),
    ]


class StateFilter(DropdownFilter):
    """The list is one of work to do: it shows what waits unless it is asked for others."""

    title = "state"
    parameter_name = "state"
    all_option = None

    def lookups(
        self, _request: HttpRequest, _model_admin: admin.ModelAdmin[Approval]
    ) -> list[tuple[str, str]]:
        return [*State.choices, (LAPSED, "Lapsed"), (ALL, "All")]

    def value(self) -> str:
        return super().value() or State.REQUESTED.value

    def queryset(self, request: HttpRequest, rows: QuerySet[Approval]) -> QuerySet[Approval]:
        project = project_of(request)
        if project is None or self.value() == ALL:
            return rows
        return in_state(rows, self.value(), at=clock.now(project))


@admin.register(Approval)
class ApprovalAdmin(PageAdmin):
    list_display = ["what", "amount", "standing", "asked_by", "asked_at", "decided_by"]
    list_filter = [StateFilter, "operation"]
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
        return money(row.amount)

    @admin.display(description="State", ordering="state")
    def standing(self, row: Approval) -> str:
        state = state_of(row, clock.now(row.project))
        words = LAPSED if state == LAPSED else row.get_state_display().lower()
        return label(words, COLOURS[state])

    def get_actions_detail(self, request: HttpRequest, object_id: int) -> list[UnfoldAction]:
        """Those that fit; the services refuse the others all the same."""
        found: list[UnfoldAction] = super().get_actions_detail(request, object_id)
        row = self.get_object(request, str(object_id))
        fitting = set() if row is None else acts_of(row, operator(request).name)
        return [each for each in found if each.method.original_function_name in fitting]

    @action(
        description="Approve",
        permissions=["neruba.change_approval"],
        icon="check_circle",
        dialog=APPROVE,
    )
    def approve(self, request: HttpRequest, form: ApproveForm, object_id: str) -> HttpResponse:
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
        story = [(instant(row.asked_at), row.asked_by, "asked for it", row.reason)]
        if row.decided_at is not None:
            said = row.get_state_display().lower()
            story.append((instant(row.decided_at), row.decided_by, said, row.decision_reason))
        return Page(
            banners=_banners(request, row),
            facts=[
                *facts_of(row),
                Fact("State", self.standing(row)),
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


def acts_of(row: Approval, name: str) -> set[str]:
    """What the operator of this name can do to it, as far as its state and asker go."""
    if row.state != State.REQUESTED:
        return set()
    if row.asked_by == name:
        return {"withdraw"}
    return {"refuse"} if row.has_lapsed(clock.now(row.project)) else {"approve", "refuse"}


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
