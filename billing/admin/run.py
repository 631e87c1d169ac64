"""Billing runs: begun, watched, retried, repeated; and the series of numbers."""

from collections.abc import Callable
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.contrib.filters.admin import (
    ChoicesDropdownFilter,
)
from unfold.dataclasses import ActionDialog
from unfold.decorators import action
from unfold.widgets import (
    UnfoldAdminSplitDateTimeVerticalWidget,
    UnfoldBooleanSwitchWidget,
)

from billing.admin.documents import document_table, read_documents
from billing.admin.run_item import parked_table
from billing.models import BillingRun, Invoice, NumberSeries, RunChunk
from billing.selectors.documents import RELATED
from billing.selectors.runs import Progress, chunks_held, matches, progress_of
from billing.services.runs import create_run, repeat_run, retry_run
from billing.tasks import plan_billing_run
from neruba import clock
from neruba.admin.base import InstantRangeFilter, ReadOnlyAdmin
from neruba.admin.dialogs import ReasonForm, RowForm, act, operator
from neruba.admin.page import (
    Banner,
    Fact,
    Headline,
    Page,
    PageAdmin,
    Table,
    code,
    instant,
    label,
    link_to,
    list_of,
    monies,
    page_of,
    progress_bar,
    short_hash,
    whole,
)
from neruba.nudge import nudge

Status = BillingRun.Status
STATUS = {
    Status.PENDING: "info",
    Status.RUNNING: "info",
    Status.COMPLETED: "success",
    Status.FAILED: "error",
}
INVOICES_SHOWN = 50
CHUNKS_SHOWN = 50
REFRESH_S = 3


def run_status(run: BillingRun) -> str:
    kind = "dry" if run.dry_run else "repetition" if run.repeats_id else ""
    words = f"{run.status}, {kind}" if kind else run.status
    colour = STATUS.get(Status(run.status), "plain")
    return label(words, "warning" if run.failed and colour == "success" else colour)


class StartForm(ReasonForm):
    as_of = forms.SplitDateTimeField(
        label="As of (UTC)",
        required=False,
        help_text="Bills what is due by then. Left out: now, by the project's clock.",
        widget=UnfoldAdminSplitDateTimeVerticalWidget(),
    )
    dry_run = forms.BooleanField(
        label="Dry run: compute everything, store no document",
        required=False,
        widget=UnfoldBooleanSwitchWidget(),
    )


class RunForm(RowForm[BillingRun]):
    rows = BillingRun.objects.select_related("project")


START: ActionDialog = {
    "title": "Begin a billing run",
    "description": "Workers bill what is due and not done. What is done already is left as it is.",
    "form_class": StartForm,
    "form_submit_text": "Begin",
}
RETRY: ActionDialog = {
    "title": "Try the parked customers again",
    "description": "Those whose billing failed in this run, and was not made good since.",
    "form_class": RunForm,
    "form_submit_text": "Try again",
}
REPEAT: ActionDialog = {
    "title": "Repeat and compare",
    "description": (
        "Computes every document due by this run's instant again, from raw usage and the stored "
        "prices, and compares it with what was issued. Nothing is billed."
    ),
    "form_class": RunForm,
    "form_submit_text": "Repeat",
}


@admin.register(BillingRun)
class BillingRunAdmin(PageAdmin):
    list_display = [
        "bills_up_to",
        "state",
        "trigger",
        "customers_done",
        "finalized",
        "failed",
        "amounts",
        "print_of",
    ]
    list_filter = [
        ("status", ChoicesDropdownFilter),
        ("trigger", ChoicesDropdownFilter),
        ("as_of", InstantRangeFilter),
    ]
    list_select_related = ["project"]
    ordering = ["-id"]
    search_fields = ["public_id__exact", "fingerprint__startswith"]
    search_help_text = "A run's id, or the beginning of a fingerprint"
    actions_list = ["start"]
    actions_detail = ["retry", "repeat"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[BillingRun]:
        rows: QuerySet[BillingRun] = super().get_queryset(request)
        return rows.select_related("project", "repeats")

    @admin.display(description="Bills up to", ordering="as_of")
    def bills_up_to(self, run: BillingRun) -> str:
        return whole(instant(run.as_of))

    @admin.display(description="Status")
    def state(self, run: BillingRun) -> str:
        return run_status(run)

    @admin.display(description="Customers")
    def customers_done(self, run: BillingRun) -> str:
        if run.is_over:
            return ""
        progress = progress_of([run])[run.pk]
        return progress_bar(progress.done, progress.customers)

    @admin.display(description="Total finalised")
    def amounts(self, run: BillingRun) -> str:
        return whole(monies(run.totals))

    @admin.display(description="Fingerprint")
    def print_of(self, run: BillingRun) -> str:
        return whole(code(short_hash(run.fingerprint)))

    @action(
        description="Begin a run",
        permissions=["billing.add_billingrun"],
        icon="play_arrow",
        dialog=START,
    )
    def start(self, request: HttpRequest, form: StartForm) -> HttpResponse:
        given = form.cleaned_data
        project = form.project
        work = partial(
            create_run,
            project=project,
            as_of=given["as_of"],
            customers=None,
            dry_run=given["dry_run"],
            trigger=BillingRun.Trigger.CONSOLE,
            actor=operator(request),
            at=clock.now(project),
            reason=given["reason"],
        )
        return _begun(request, form, START, work)

    @action(
        description="Try parked customers again",
        permissions=["billing.change_billingrun"],
        icon="replay",
        dialog=RETRY,
    )
    def retry(self, request: HttpRequest, form: RunForm, object_id: str) -> HttpResponse:
        work = partial(
            retry_run,
            run=form.row,
            reason=form.cleaned_data["reason"],
            actor=operator(request),
            at=clock.now(form.row.project),
        )
        return _begun(request, form, RETRY, work)

    @action(
        description="Repeat and compare",
        permissions=["billing.add_billingrun"],
        icon="compare",
        dialog=REPEAT,
    )
    def repeat(self, request: HttpRequest, form: RunForm, object_id: str) -> HttpResponse:
        work = partial(
            repeat_run,
            run=form.row,
            trigger=BillingRun.Trigger.CONSOLE,
            actor=operator(request),
            at=clock.now(form.row.project),
            reason=form.cleaned_data["reason"],
        )
        return _begun(request, form, REPEAT, work)

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> HttpResponse:
        response = super().render_change_form(request, context, *args, **kwargs)
        if not kwargs["obj"].is_over:
            response["Refresh"] = str(REFRESH_S)
        return response

    def page(self, request: HttpRequest, row: BillingRun) -> Page:
        invoices = Invoice.objects.filter(run=row).select_related(*RELATED).order_by("sequence")
        progress = progress_of([row])[row.pk]
        tables = [] if row.is_over else [_chunk_table(row)]
        if progress.failed:
            tables.append(parked_table(row))
        if not row.dry_run and row.repeats_id is None:
            tables.append(
                document_table(
                    "Invoices of this run",
                    read_documents(invoices[:INVOICES_SHOWN]),
                    empty="This run finalised nothing: what was due stood already, or was nothing.",
                    more=list_of(Invoice, "all of them", run__id__exact=row.pk),
                    with_customer=True,
                )
            )
        return Page(
            banners=_banners(row, progress),
            headlines=_headlines(row, progress),
            facts=_facts(row),
            tables=tables,
        )


def _begun(
    request: HttpRequest, form: ReasonForm, dialog: ActionDialog, create: Callable[[], BillingRun]
) -> HttpResponse:
    """Note the run, give it to the workers, and go to its page."""

    def work() -> BillingRun:
        run = create()
        nudge(plan_billing_run, run.pk)
        return run

    return act(
        request,
        form=form,
        dialog=dialog,
        work=work,
        done=lambda _run: "The workers have it; this page follows them.",
        then=page_of,
    )


def _headlines(run: BillingRun, progress: Progress) -> list[Headline]:
    customers = (
        f"{progress.customers:,}"
        if run.is_over
        else progress_bar(progress.done, progress.customers)
    )
    if run.repeats_id is not None:
        return [
            Headline("Customers", customers),
            Headline("Computed again", f"{progress.finalized:,}", "documents"),
            Headline("Came out otherwise", f"{progress.failed:,}", "customers"),
        ]
    return [
        Headline("Customers", customers, "for whom anything was due"),
        Headline("Finalised", f"{progress.finalized:,}", f"of {run.due:,} due" if run.due else ""),
        Headline("Total", monies(run.totals) or "–", "of what this run finalised"),
        Headline("Drafts opened", f"{progress.invoiced:,}"),
        Headline("Unchanged", f"{run.unchanged:,}", "finalised before this run"),
        Headline("Parked", f"{progress.failed:,}", "customers whose billing failed"),
    ]


def _facts(run: BillingRun) -> list[Fact]:
    return [
        Fact("Run", code(run.public_id)),
        Fact("Project", link_to(run.project)),
        Fact("Status", run_status(run)),
        Fact("Repeats", link_to(run.repeats)),
        Fact("Bills up to", instant(run.as_of)),
        Fact("Started by", f"{run.actor} ({run.get_trigger_display()})"),
        Fact("Customers", ", ".join(run.customers) if run.customers else "all"),
        Fact("Created", instant(run.created_at)),
        Fact("Finished", instant(run.finished_at)),
        Fact("Usage up to", f"event {run.bound_event}, retraction {run.bound_retraction}"),
        Fact("Fingerprint", code(run.fingerprint)),
        Fact("Fingerprint of the run it repeats", code(run.repeats and run.repeats.fingerprint)),
        Fact("Error", run.error),
    ]


def _chunk_table(run: BillingRun) -> Table:
    held = set(chunks_held(run, clock.wall()))
    chunks = RunChunk.objects.filter(run=run, state=RunChunk.State.OPEN).order_by("number")

    def state(chunk: RunChunk) -> str:
        if chunk.number in held:
            return label("at work", "info")
        if chunk.due_at is not None:
            return label(f"tried again at {instant(chunk.due_at)}", "warning")
        return label("waits for a worker", "plain")

    return Table(
        title="Chunks at work and waiting",
        columns=("Chunk", "State", "Customers", "Attempts", "Finalised", "Last failure"),
        rows=[
            (
                chunk.number,
                state(chunk),
                f"{chunk.customers:,}",
                chunk.attempts,
                f"{chunk.finalized:,}",
                chunk.cause,
            )
            for chunk in chunks[:CHUNKS_SHOWN]
        ],
        empty="Every chunk is done.",
        numeric=("Customers", "Attempts", "Finalised"),
    )


def _banners(run: BillingRun, progress: Progress) -> list[Banner]:
    if run.status == Status.FAILED:
        return [Banner("error", "This run could not be planned. Mend the cause, then try again.")]
    if not run.is_over:
        return [Banner("info", "Workers are at it. This page looks again every few seconds.")]
    if run.repeats_id is not None:
        return [
            Banner("success", "Every document came out as it was issued, byte for byte.")
            if matches(run, progress)
            else Banner("error", "Documents came out otherwise than they were issued; see below.")
        ]
    found = []
    if run.dry_run:
        found.append(Banner("info", "A dry run: nothing was stored but these counts."))
    if progress.failed:
        who = "1 customer is" if progress.failed == 1 else f"{progress.failed:,} customers are"
        words = f"{who} parked: everybody else is billed."
        found.append(Banner("warning", words))
    return found


@admin.register(NumberSeries)
class NumberSeriesAdmin(ReadOnlyAdmin):
    list_display = ["series", "last"]
    list_select_related = ["project"]
    ordering = ["project", "series"]
    search_fields = [
        "series__exact",
    ]
    search_help_text = "A series, or the beginning of a project"
