"""Subscriptions: what was decided, what was billed, what comes next."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils.safestring import SafeString
from unfold.contrib.filters.admin import (
    ChoicesDropdownFilter,
)
from unfold.views import ChangeList

from billing.admin.change_dialogs import ChangingAdmin
from billing.admin.documents import document_table, read_documents
from billing.admin.entitlements import entitlement_table
from billing.admin.period_picture import pictures_of
from billing.admin.subscription_timeline import timeline_table
from billing.admin.tariff import price_table
from billing.models import Invoice, Period, Subscription, SubscriptionChange
from billing.rating.change_words import changes_in_words, plan_in_words
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
    Table,
    code,
    day,
    instant,
    label,
    link_to,
    list_of,
    local_time,
    money,
    whole,
)
from neruba.admin.place import project_of
from neruba.money import Money
from neruba.period import local_date

STATUS = {
    "pending": "info",
    "trialing": "info",
    "active": "success",
    "paused": "warning",
    "canceled": "plain",
}
PERIODS_SHOWN = 24
INVOICES_SHOWN = 12


def subscription_status(status: str) -> str:
    return label(status, STATUS.get(status, "plain"))


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


class RunsAt(admin.SimpleListFilter):
    """By its own columns, so that no timeline is read to find it."""

    title = "time"
    parameter_name = "time"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [
            ("pending", "has yet to start"),
            ("running", "runs"),
            ("ending", "runs, and has an end"),
            ("canceled", "has ended"),
        ]

    def queryset(
        self, request: HttpRequest, queryset: QuerySet[Subscription]
    ) -> QuerySet[Subscription]:
        project, wanted = project_of(request), self.value()
        if project is None or wanted is None:
            return queryset
        at = clock.now(project)
        started = queryset.filter(start_at__lte=at)
        found = {
            "pending": queryset.filter(start_at__gt=at),
            "running": started.filter(Q(end_at__isnull=True) | Q(end_at__gt=at)),
            "ending": started.filter(end_at__gt=at),
            "canceled": queryset.filter(end_at__lte=at),
        }
        return found.get(wanted, queryset)


class SubscriptionList(ChangeList):
    """A page of subscriptions, each with its timeline: one query for all of them."""

    result_list: Any

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows: list[Subscription] = list(self.result_list)
        for project in {row.project for row in rows}:
            mine = [row for row in rows if row.project_id == project.pk]
            timelines = timelines_of(project, [row.pk for row in mine])
            at = clock.now(project)
            for row in mine:
                vars(row)["standing_shown"] = Standing(timelines[row.pk], at)
        self.result_list = rows


class Standing(NamedTuple):
    """A timeline, and the instant at which a list shows it."""

    timeline: Timeline
    at: datetime

    @property
    def coming(self) -> str:
        """The next change that is scheduled, in words."""
        timeline = self.timeline
        later = [one for one in timeline.decisions[1:] if one.effective_at > self.at]
        if not later:
            return ""
        first = min(later, key=lambda one: (one.effective_at, one.number))
        said = "; ".join(changes_in_words(timeline, {first.number: first})[first.number])
        when = day(local_date(first.effective_at, timeline.terms_at(self.at).zone))
        more = f", and {len(later) - 1} more" if len(later) > 1 else ""
        return f"{said}, {when}{more}"


def _standing(row: Subscription) -> Standing:
    standing: Standing = vars(row)["standing_shown"]
    return standing


@admin.register(Subscription)
class SubscriptionAdmin(ChangingAdmin):
    change_form_template = "billing/subscription.html"
    list_display = [
        "external_id",
        "customer",
        "plan",
        "state",
        "next_boundary_at",
        "scheduled",
        "start_at",
        "end_at",
    ]
    list_filter = [RunsAt, StandsAt, ("due_at", InstantRangeFilter)]
    list_select_related = ["project", "customer"]
    ordering = ["-id"]
    search_fields = ["external_id__startswith", "customer__external_id__exact"]
    search_help_text = "The beginning of an external id, or a customer's external id"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Subscription]:
        rows: QuerySet[Subscription] = super().get_queryset(request)
        return rows.select_related("project", "customer")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return SubscriptionList

    @admin.display(description="Plan now")
    def plan(self, row: Subscription) -> str:
        timeline, at = _standing(row)
        return whole(plan_in_words(timeline.terms_at(at)))

    @admin.display(description="Status")
    def state(self, row: Subscription) -> str:
        timeline, at = _standing(row)
        return subscription_status(timeline.status(at))

    @admin.display(description="Scheduled", empty_value="–")
    def scheduled(self, row: Subscription) -> str | None:
        return _standing(row).coming or None

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
                Headline("Plan", plan_in_words(terms), Standing(timeline, at).coming),
                Headline("Next boundary", _boundary(row, terms), _end(timeline)),
                Headline(
                    "Next invoice",
                    money(coming[0].total) if coming else "–",
                    "computed now" if coming else "nothing is to come",
                ),
            ],
            facts=_facts(row, timeline, changes, at),
            more={"pictures": pictures_of(row, timeline, at)},
            tables=[
                timeline_table(row, timeline, changes, at),
                document_table(
                    "What comes next, computed now",
                    coming,
                    empty="No further invoice will come of this subscription.",
                ),
                entitlement_table(row.customer, at, row),
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


def _boundary(row: Subscription, terms: Terms) -> str:
    return "none" if row.due_at is None else local_time(row.due_at, terms.zone)


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
        Fact("Next boundary", instant(row.due_at)),
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
