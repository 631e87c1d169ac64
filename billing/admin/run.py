"""Billing runs and the series of numbers."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import (
    ChoicesDropdownFilter,
    RangeDateTimeFilter,
    RelatedDropdownFilter,
)

from billing.admin.documents import RELATED, document_table, read_documents
from billing.models import BillingRun, Invoice, NumberSeries
from neruba.admin.base import ReadOnlyAdmin
from neruba.admin.page import (
    Banner,
    Fact,
    Headline,
    Page,
    PageAdmin,
    code,
    instant,
    label,
    link_to,
    list_of,
    monies,
    short_hash,
    whole,
)

STATUS = {
    BillingRun.Status.PENDING: "info",
    BillingRun.Status.RUNNING: "info",
    BillingRun.Status.COMPLETED: "success",
    BillingRun.Status.FAILED: "error",
}
INVOICES_SHOWN = 50


def run_status(run: BillingRun) -> str:
    words = f"{run.status}, dry" if run.dry_run else run.status
    return label(words, STATUS.get(BillingRun.Status(run.status), "plain"))


@admin.register(BillingRun)
class BillingRunAdmin(PageAdmin):
    list_display = [
        "as_of",
        "project",
        "state",
        "trigger",
        "invoiced",
        "finalized",
        "unchanged",
        "failed",
        "amounts",
        "print_of",
    ]
    list_filter = [
        ("project", RelatedDropdownFilter),
        ("status", ChoicesDropdownFilter),
        ("trigger", ChoicesDropdownFilter),
        ("as_of", RangeDateTimeFilter),
    ]
    list_select_related = ["project"]
    ordering = ["-id"]
    search_fields = ["public_id__exact", "fingerprint__startswith"]
    search_help_text = "A run's id, or the beginning of a fingerprint"

    def get_queryset(self, request: HttpRequest) -> QuerySet[BillingRun]:
        rows: QuerySet[BillingRun] = super().get_queryset(request)
        return rows.select_related("project")

    @admin.display(description="Status")
    def state(self, run: BillingRun) -> str:
        return run_status(run)

    @admin.display(description="Total finalised")
    def amounts(self, run: BillingRun) -> str:
        return whole(monies(run.totals))

    @admin.display(description="Fingerprint")
    def print_of(self, run: BillingRun) -> str:
        return whole(code(short_hash(run.fingerprint)))

    def page(self, request: HttpRequest, row: BillingRun) -> Page:
        invoices = Invoice.objects.filter(run=row).select_related(*RELATED).order_by("sequence")
        return Page(
            banners=_banners(row),
            headlines=[
                Headline("Finalised", f"{row.finalized:,}", f"of {row.due:,} due"),
                Headline("Total", monies(row.totals) or "–", "of what this run finalised"),
                Headline("Drafts opened", f"{row.invoiced:,}"),
                Headline("Unchanged", f"{row.unchanged:,}", "finalised before this run"),
                Headline("Failed", f"{row.failed:,}"),
            ],
            facts=[
                Fact("Run", code(row.public_id)),
                Fact("Project", link_to(row.project)),
                Fact("Status", run_status(row)),
                Fact("Bills up to", instant(row.as_of)),
                Fact("Started by", f"{row.actor} ({row.get_trigger_display()})"),
                Fact("Customers", ", ".join(row.customers) if row.customers else "all"),
                Fact("Created", instant(row.created_at)),
                Fact("Finished", instant(row.finished_at)),
                Fact("Usage up to", f"event {row.bound_event}, retraction {row.bound_retraction}"),
                Fact("Fingerprint", code(row.fingerprint)),
                Fact("Error", row.error),
            ],
            tables=[
                document_table(
                    "Invoices of this run",
                    read_documents(invoices[:INVOICES_SHOWN]),
                    empty="This run finalised nothing: what was due stood already, or was nothing.",
                    more=list_of(Invoice, "all of them", run__id__exact=row.pk),
                    with_customer=True,
                )
            ],
        )


def _banners(run: BillingRun) -> list[Banner]:
    if run.status == BillingRun.Status.FAILED:
        return [
            Banner(
                "error",
                "This run stopped. What it finalised stands; the next run goes on from there.",
            )
        ]
    if run.dry_run:
        return [Banner("info", "A dry run: nothing was stored but these counts.")]
    return []


@admin.register(NumberSeries)
class NumberSeriesAdmin(ReadOnlyAdmin):
    list_display = ["series", "project", "last"]
    list_filter = [("project", RelatedDropdownFilter)]
    list_select_related = ["project"]
    ordering = ["project", "series"]
    search_fields = ["series__exact", "project__slug__startswith"]
    search_help_text = "A series, or the beginning of a project"
