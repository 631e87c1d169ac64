"""Subscriptions: what was decided, what was billed, what comes next."""

from collections.abc import Sequence
from datetime import datetime

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import (
    ChoicesDropdownFilter,
)

from billing.admin.documents import document_table, read_documents
from billing.admin.entitlements import entitlement_table
from billing.admin.tariff import price_table
from billing.models import Invoice, Period, Subscription, SubscriptionChange
from billing.rating.rhythm import Rhythm
from billing.rating.terms import Terms
from billing.rating.timeline import Timeline
from billing.selectors.documents import RELATED, document_of_computed
from billing.selectors.previews import preview
from billing.selectors.timelines import timelines_of
from neruba import clock
from neruba.admin.base import InstantRangeFilter, ReadOnlyAdmin
from neruba.admin.page import (
    Fact,
    Headline,
    Page,
    PageAdmin,
    Table,
    code,
    day,
    instant,
    label,
    link_to,
    list_of,
    money,
)
from neruba.money import Money

STATUS = {"pending": "info", "active": "success", "canceled": "plain"}
PERIODS_SHOWN = 24
INVOICES_SHOWN = 12


def subscription_status(status: str) -> str:
    return label(status, STATUS.get(status, "plain"))


def status_of(subscription: Subscription, at: datetime) -> str:
    """Its state by its own columns, so that a list needs no timelines."""
    if at < subscription.start_at:
        return "pending"
    ended = subscription.end_at is not None and subscription.end_at <= at
    return "canceled" if ended else "active"


class StandsAt(admin.SimpleListFilter):
    """By what billing has still to do, which is an indexed column."""

    title = "billing"
    parameter_name = "billing"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [("coming", "has a next boundary"), ("done", "is billed to its end")]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Subscription]
    ) -> QuerySet[Subscription]:
        if self.value() == "coming":
            return queryset.filter(due_at__isnull=False)
        return queryset.filter(due_at__isnull=True) if self.value() == "done" else queryset


@admin.register(Subscription)
class SubscriptionAdmin(PageAdmin):
    list_display = [
        "external_id",
        "customer",
        "state",
        "currency",
        "start_at",
        "end_at",
        "next_boundary_at",
    ]
    list_filter = [StandsAt, ("due_at", InstantRangeFilter)]
    list_select_related = ["project", "customer"]
    ordering = ["-id"]
    search_fields = ["external_id__startswith", "customer__external_id__exact"]
    search_help_text = "The beginning of an external id, or a customer's external id"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Subscription]:
        rows: QuerySet[Subscription] = super().get_queryset(request)
        return rows.select_related("project", "customer")

    @admin.display(description="Status")
    def state(self, subscription: Subscription) -> str:
        return subscription_status(status_of(subscription, clock.now(subscription.project)))

    @admin.display(description="Next boundary", ordering="due_at", empty_value="none")
    def next_boundary_at(self, subscription: Subscription) -> datetime | None:
        return subscription.due_at

    def page(self, request: HttpRequest, row: Subscription) -> Page:
        at = clock.now(row.project)
        timeline = timelines_of(row.project, [row.pk])[row.pk]
        terms = timeline.terms_at(at)
        computed = preview(
            project=row.project, customer=row.customer, subscription=row, as_of=None, at=at
        )
        coming = [document_of_computed(one) for one in computed]
        invoices = Invoice.objects.filter(project=row.project, subscription=row)
        latest = invoices.select_related(*RELATED).order_by("-boundary")[:INVOICES_SHOWN]
        changes = list(row.changes.select_related("plan_version__plan").order_by("number"))
        return Page(
            headlines=[
                Headline("Status", subscription_status(timeline.status(at))),
                Headline("Next boundary", instant(row.due_at) or "none", _end(timeline)),
                Headline(
                    "Next invoice",
                    money(coming[0].total) if coming else "–",
                    "computed now" if coming else "nothing is to come",
                ),
            ],
            facts=_facts(row, timeline, changes, at),
            tables=[
                document_table(
                    "What comes next, computed now",
                    coming,
                    empty="No further invoice will come of this subscription.",
                ),
                entitlement_table(row.customer, at, row),
                _timeline_table(changes),
                price_table(
                    [price.definition() for price in terms.prices],
                    currency=row.currency,
                    title="Prices in force",
                    quantities=terms.quantities,
                    overridden=terms.overridden,
                ),
                _period_table(row),
                document_table(
                    "Invoices",
                    read_documents(latest),
                    empty="Nothing was billed yet.",
                    more=list_of(Invoice, "all of them", subscription__id__exact=row.pk),
                ),
            ],
        )


def _end(timeline: Timeline) -> str:
    return f"ends {instant(timeline.end_at)}" if timeline.end_at else "goes on until canceled"


def _facts(
    row: Subscription, timeline: Timeline, changes: Sequence[SubscriptionChange], at: datetime
) -> list[Fact]:
    terms = timeline.terms_at(at)
    minor = terms.minimum_commitment_minor
    minimum = None if minor is None else Money(minor, terms.currency)
    anchor = f"{terms.anchor}, day {terms.billing_day}" if terms.billing_day else terms.anchor
    return [
        Fact("Subscription", code(row.external_id)),
        Fact("Customer", link_to(row.customer)),
        Fact("Project", link_to(row.project)),
        Fact("Plan", _plan_of(changes, timeline, at)),
        Fact("Currency", row.currency),
        Fact("Rhythm", f"every {terms.rhythm}"),
        Fact("Invoices", _boundaries(terms)),
        Fact("Minimum a period", money(minimum)),
        Fact("Anchor", anchor),
        Fact("Time zone", terms.zone),
        Fact("Starts", instant(row.start_at)),
        Fact("Ends", instant(timeline.end_at) or "no end"),
        Fact("Boundaries billed", row.next_boundary),
        Fact("Created", instant(row.created_at)),
    ]


def _plan_of(
    changes: Sequence[SubscriptionChange], timeline: Timeline, at: datetime
) -> SafeString | str:
    """The version of the plan that holds at an instant."""
    standing = {one.number for one in timeline.decisions if one.effective_at <= at}
    rows = [row for row in changes if row.plan_version is not None]
    held = [row for row in rows if row.number in standing] or rows[:1]
    latest = max(held, key=lambda row: (row.type != "create", row.effective_at, row.number))
    return link_to(latest.plan_version)


def _boundaries(terms: Terms) -> str:
    """How often there is an invoice, where prices have rhythms of their own."""
    return f"every {terms.boundary_rhythm}" if len(terms.rhythms) > 1 else ""


def _timeline_table(changes: Sequence[SubscriptionChange]) -> Table:
    return Table(
        title="Timeline",
        columns=("No.", "What", "Effective", "Asked for", "By", "Reason"),
        rows=[
            (
                change.number,
                change.get_type_display(),
                instant(change.effective_at),
                instant(change.requested_at),
                change.actor,
                change.reason or "–",
            )
            for change in changes
        ],
        empty="",
    )


def _period_table(subscription: Subscription) -> Table:
    periods = subscription.periods.order_by("-start", "rhythm")[:PERIODS_SHOWN]
    return Table(
        title="Periods",
        columns=("Rhythm", "No.", "First day", "Up to but not including", "Zone", "Start", "End"),
        rows=[
            (
                f"every {Rhythm.of(period.rhythm)}",
                period.number,
                day(period.starts_on),
                day(period.ends_on),
                period.zone,
                instant(period.start),
                instant(period.end),
            )
            for period in periods
        ],
        empty="No period has opened: the first one opens when the start is billed.",
        more=list_of(Period, "all of them", subscription__id__exact=subscription.pk),
    )


@admin.register(SubscriptionChange)
class SubscriptionChangeAdmin(ReadOnlyAdmin):
    list_display = [
        "subscription",
        "number",
        "type",
        "effective_at",
        "requested_at",
        "actor",
        "reason",
    ]
    list_filter = [("type", ChoicesDropdownFilter), ("requested_at", InstantRangeFilter)]
    list_select_related = ["project", "subscription"]
    ordering = ["-id"]
    search_fields = ["subscription__external_id__startswith"]
    search_help_text = "The beginning of a subscription's external id"


@admin.register(Period)
class PeriodAdmin(ReadOnlyAdmin):
    list_display = [
        "subscription",
        "rhythm",
        "number",
        "starts_on",
        "ends_on",
        "zone",
        "start",
        "end",
    ]
    list_filter = [("start", InstantRangeFilter)]
    list_select_related = ["project", "subscription"]
    ordering = ["-id"]
    search_fields = ["subscription__external_id__startswith"]
    search_help_text = "The beginning of a subscription's external id"
