"""Priced one-offs."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from billing.models import Charge
from neruba.admin.base import InstantRangeFilter
from neruba.admin.page import (
    Fact,
    Headline,
    Page,
    PageAdmin,
    Table,
    code,
    instant,
    label,
    link_to,
    money,
    pretty,
)
from neruba.money import Money


class Waiting(admin.SimpleListFilter):
    title = "where it stands"
    parameter_name = "stands"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [("waiting", "waits for an invoice"), ("invoiced", "on an invoice")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Charge]) -> QuerySet[Charge]:
        if self.value() == "waiting":
            return queryset.filter(due_at__isnull=False)
        return queryset.filter(due_at__isnull=True) if self.value() == "invoiced" else queryset


def amount_of(charge: Charge) -> Money:
    return Money(charge.amount_minor, charge.currency)


def standing(charge: Charge) -> str:
    """The invoice that a charge is on, or that it waits."""
    if charge.invoice is not None:
        return link_to(charge.invoice)
    return label("waiting", "info")


def charge_table(
    title: str, charges: list[Charge], empty: str, more: str = "", anchor: str = ""
) -> Table:
    """The charges' invoices should be loaded."""
    return Table(
        title=title,
        columns=("Key", "Description", "Effective", "Amount", "Invoice"),
        rows=[
            (
                link_to(charge, charge.charge_key),
                charge.description,
                instant(charge.effective_at),
                money(amount_of(charge)),
                standing(charge),
            )
            for charge in charges
        ],
        empty=empty,
        numeric=("Amount",),
        more=more,
        anchor=anchor,
    )


@admin.register(Charge)
class ChargeAdmin(PageAdmin):
    list_display = [
        "charge_key",
        "customer",
        "description",
        "amount",
        "effective_at",
        "stands",
    ]
    list_filter = [
        Waiting,
        ("effective_at", InstantRangeFilter),
    ]
    list_select_related = ["project", "customer", "invoice"]
    ordering = ["-id"]
    search_fields = ["charge_key__exact", "customer__external_id__exact"]
    search_help_text = "A charge key, or a customer's external id"

    def get_queryset(self, request: HttpRequest) -> QuerySet[Charge]:
        rows: QuerySet[Charge] = super().get_queryset(request)
        return rows.select_related("project", "customer", "invoice")

    @admin.display(description="Amount")
    def amount(self, charge: Charge) -> str:
        return money(amount_of(charge))

    @admin.display(description="Invoice")
    def stands(self, charge: Charge) -> str:
        return standing(charge)

    def page(self, request: HttpRequest, row: Charge) -> Page:
        return Page(
            headlines=[
                Headline("Amount", money(amount_of(row))),
                Headline("Invoice", standing(row)),
            ],
            facts=[
                Fact("Key", code(row.charge_key)),
                Fact("Description", row.description),
                Fact("Customer", link_to(row.customer)),
                Fact("Project", link_to(row.project)),
                Fact("Effective", instant(row.effective_at)),
                Fact("Accepted", instant(row.created_at)),
                Fact("Waits from", instant(row.due_at)),
                Fact(
                    "Asked for", "an invoice of its own" if row.invoice_now else "the next invoice"
                ),
                Fact("Tax code", row.tax_code),
                Fact("Metadata", code(pretty(row.metadata)) if row.metadata else ""),
            ],
        )
