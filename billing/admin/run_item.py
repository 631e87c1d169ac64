"""Customers in runs: who is parked, why, and since when; and the chunks that workers take."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from billing.models import BillingRun, RunChunk, RunItem
from neruba.admin.base import ReadOnlyAdmin
from neruba.admin.page import (
    Banner,
    Fact,
    Page,
    PageAdmin,
    Table,
    Text,
    instant,
    label,
    link_to,
    list_of,
)

State = RunItem.State
STATES = {
    State.PENDING: "info",
    State.DONE: "success",
    State.FAILED: "error",
    State.SUPERSEDED: "plain",
}
WORDS = {State.FAILED: "parked", State.SUPERSEDED: "billed since"}
SHOWN = 50


def item_state(item: RunItem) -> str:
    state = State(item.state)
    return label(WORDS.get(state, state.value), STATES[state])


def next_try(item: RunItem) -> str:
    if item.state != State.FAILED:
        return ""
    return instant(item.due_at) or "waits for a person"


def parked_table(run: BillingRun) -> Table:
    """The customers that this run parked."""
    items = RunItem.objects.filter(run=run, state=State.FAILED).select_related("customer")
    return Table(
        title="Parked customers",
        columns=("Customer", "Cause", "Attempts", "Next try", ""),
        rows=[
            (
                link_to(item.customer),
                item.cause,
                item.attempts,
                next_try(item),
                link_to(item, "evidence"),
            )
            for item in items.order_by("pk")[:SHOWN]
        ],
        empty="None.",
        numeric=("Attempts",),
        more=list_of(RunItem, "all of them", run__id__exact=run.pk, state__exact=State.FAILED),
    )


@admin.register(RunItem)
class RunItemAdmin(PageAdmin):
    list_display = [
        "customer",
        "stands",
        "cause",
        "attempts",
        "next",
        "failed_at",
        "run",
    ]
    list_filter = [("state", ChoicesDropdownFilter)]
    list_select_related = ["customer", "project", "run"]
    ordering = ["-id"]
    search_fields = ["customer__external_id__startswith"]
    search_help_text = "The beginning of a customer's external id"

    def get_queryset(self, request: HttpRequest) -> QuerySet[RunItem]:
        rows: QuerySet[RunItem] = super().get_queryset(request)
        return rows.select_related("customer", "project", "run__project")

    @admin.display(description="State")
    def stands(self, item: RunItem) -> str:
        return item_state(item)

    @admin.display(description="Next try")
    def next(self, item: RunItem) -> str:
        return next_try(item)

    def page(self, request: HttpRequest, row: RunItem) -> Page:
        words = (
            "Billing of this customer failed and was undone; nobody else waits for it. Mend the "
            "cause, then try again on the page of the run."
        )
        return Page(
            banners=[Banner("warning", words)] if row.state == State.FAILED else [],
            facts=[
                Fact("Customer", link_to(row.customer)),
                Fact("Run", link_to(row.run)),
                Fact("Project", link_to(row.project)),
                Fact("State", item_state(row)),
                Fact("Cause", row.cause),
                Fact("Documents that wait for it", row.documents or ""),
                Fact("Attempts", row.attempts),
                Fact("Failed", instant(row.failed_at)),
                Fact("Next try", next_try(row)),
                Fact("Chunk", row.chunk),
            ],
            texts=[Text("Where it failed", row.evidence)] if row.evidence else [],
        )


@admin.register(RunChunk)
class RunChunkAdmin(ReadOnlyAdmin):
    list_display = ["run", "number", "state", "customers", "attempts", "due_at", "cause"]
    list_filter = [("state", ChoicesDropdownFilter)]
    list_select_related = ["project", "run"]
    ordering = ["-id"]
    search_fields = ["run__public_id__exact"]
    search_help_text = "A run's id"
