"""What is sold. Versions are made by the API and by the price form, and never change."""

from collections.abc import Iterator, Sequence
from typing import Any, cast

from django.contrib import admin
from django.db.models import Max, QuerySet
from django.http import HttpRequest
from django.urls import URLPattern, path

from billing.admin.entitlements import granted_table
from billing.admin.plan_changes import change_table, version_table
from billing.admin.pricing.views import PERMISSION, PriceForm
from billing.admin.tariff import definition_of, lines_of, price_table, tariff
from billing.models import Plan, PlanVersion, Price, SubscriptionChange
from billing.rating.rhythm import IntervalUnit, Rhythm
from billing.rating.words import counted
from billing.selectors.plans import entitlements_of, standing_on
from neruba import clock
from neruba.admin.page import (
    Fact,
    Page,
    PageAdmin,
    Table,
    code,
    instant,
    link_to,
    list_of,
    money,
)
from neruba.money import Money

VERSIONS_SHOWN = 20
WRITE = ("Write the next version", "edit", "../next-version/")


def rhythm(version: PlanVersion) -> str:
    """`every month`, `every 3 months`."""
    return f"every {Rhythm(cast('IntervalUnit', version.interval), version.interval_count)}"


def _title(version: PlanVersion) -> str:
    minimum = minimum_of(version)
    least = "" if minimum is None else f", at least {money(minimum)}"
    trial = f", {counted(version.trial_days, 'day')} of trial" if version.trial_days else ""
    return f"Version {version.version}: {version.name}, {rhythm(version)}{least}{trial}"


def minimum_of(version: PlanVersion) -> Money | None:
    minor = version.minimum_commitment_minor
    return None if minor is None else Money(minor, version.currency)


def _tables(version: PlanVersion) -> Iterator[Table]:
    """What the page of its plan shows of a version."""
    yield table_of(version, list(version.prices.all()), _title(version))
    if granted := entitlements_of(version):
        yield granted_table(granted, f"Version {version.version}: entitlements")


def table_of(version: PlanVersion, prices: Sequence[Price], title: str = "Prices") -> Table:
    definitions = [definition_of(price) for price in prices]
    return price_table(definitions, currency=version.currency, title=title)


@admin.register(Plan)
class PlanAdmin(PageAdmin):
    list_display = ["code", "latest", "created_at"]
    list_select_related = ["project"]
    search_fields = ["code__startswith"]
    search_help_text = "The beginning of a code"
    list_before_template = "billing/plan_list_before.html"

    def get_urls(self) -> list[URLPattern]:
        write = self.admin_site.admin_view(PriceForm.as_view())
        return [
            path("write/", write, name="billing_plan_write"),
            path("<path:object_id>/next-version/", write, name="billing_plan_next"),
            *super().get_urls(),
        ]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Plan]:
        rows: QuerySet[Plan] = super().get_queryset(request)
        return rows.select_related("project").annotate(latest_version=Max("versions__version"))

    @admin.display(description="Latest version", ordering="latest_version")
    def latest(self, plan: Any) -> str:
        return f"v{plan.latest_version}"

    def page(self, request: HttpRequest, row: Plan) -> Page:
        versions = list(
            row.versions.select_related("plan")
            .prefetch_related("prices")
            .order_by("-version")[:VERSIONS_SHOWN]
        )
        writes = request.user.has_perm(PERMISSION)
        standing = standing_on(
            row.project, [version.pk for version in versions], at=clock.now(row.project)
        )
        return Page(
            more={"page_links": [WRITE]} if writes else {},
            facts=[
                Fact("Code", row.code),
                Fact("Project", link_to(row.project)),
                Fact("Created", instant(row.created_at)),
                Fact("Versions", list_of(PlanVersion, "all versions", plan__id__exact=row.pk)),
            ],
            tables=[
                version_table(versions, standing),
                *(table for version in versions for table in _tables(version)),
            ],
        )


@admin.register(PlanVersion)
class PlanVersionAdmin(PageAdmin):
    list_display = ["plan", "version", "name", "currency", "rhythm", "created_at"]
    list_select_related = ["project", "plan"]
    ordering = ["-id"]
    search_fields = ["plan__code__startswith"]
    search_help_text = "The beginning of a plan's code"

    @admin.display(description="Rhythm")
    def rhythm(self, version: PlanVersion) -> str:
        return rhythm(version)

    def get_queryset(self, request: HttpRequest) -> QuerySet[PlanVersion]:
        rows: QuerySet[PlanVersion] = super().get_queryset(request)
        return rows.select_related("project", "plan")

    def page(self, request: HttpRequest, row: PlanVersion) -> Page:
        started = SubscriptionChange.objects.filter(project=row.project, plan_version=row)
        standing = standing_on(row.project, [row.pk], at=clock.now(row.project))
        others = list(
            PlanVersion.objects.filter(project=row.project, plan=row.plan)
            .exclude(pk=row.pk)
            .prefetch_related("prices")
            .order_by("-version")[:VERSIONS_SHOWN]
        )
        against = _against(row, others, request.GET.get("with", ""))
        return Page(
            facts=[
                Fact("Plan", link_to(row.plan)),
                Fact("Version", row.version),
                Fact("Name", row.name),
                Fact("Project", link_to(row.project)),
                Fact("Currency", row.currency),
                Fact("Rhythm", rhythm(row)),
                Fact("Minimum a period", money(minimum_of(row))),
                Fact("Created", instant(row.created_at)),
                Fact("Subscriptions on it", standing[row.pk]),
                Fact("Subscriptions that ever took it", started.count()),
                Fact("Hash of the definition", code(row.content_hash)),
            ],
            tables=[
                table_of(row, list(row.prices.all())),
                granted_table(entitlements_of(row)),
                *([] if against is None else [change_table(against, row, others)]),
            ],
        )


def _against(
    version: PlanVersion, others: Sequence[PlanVersion], wanted: str
) -> PlanVersion | None:
    """What a version is compared with: the one of the wanted number, else the one before it, else
    nothing.
    """
    for other in others:
        if str(other.version) == wanted:
            return other
    return next((other for other in others if other.version < version.version), None)


@admin.register(Price)
class PriceAdmin(PageAdmin):
    list_display = ["code", "name", "plan_version", "kind", "model", "meter", "costs"]
    list_select_related = ["project", "plan_version__plan", "meter"]
    ordering = ["-plan_version", "position"]
    search_fields = ["code__startswith", "plan_version__plan__code__startswith"]
    search_help_text = "The beginning of a code, of the price or of its plan"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Price]:
        rows: QuerySet[Price] = super().get_queryset(request)
        return rows.select_related("project", "plan_version__plan", "meter")

    @admin.display(description="What it costs")
    def costs(self, price: Price) -> str:
        return lines_of(tariff(definition_of(price), price.plan_version.currency))

    def page(self, request: HttpRequest, row: Price) -> Page:
        return Page(
            facts=[
                Fact("Plan version", link_to(row.plan_version)),
                Fact("Project", link_to(row.project)),
                Fact("Position", row.position),
                Fact("Meter", link_to(row.meter)),
                Fact("Definition", code(row.definition)),
            ],
            tables=[table_of(row.plan_version, [row])],
        )
