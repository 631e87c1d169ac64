"""What is taken off and put on the lines of issued invoices, row by row."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from billing.models import InvoiceDiscount, InvoiceTax
from billing.selectors.amounts import discount_amount, tax_amount
from neruba.admin.page import Fact, Headline, Page, PageAdmin, code, link_to, money, whole
from neruba.money import Money

RELATED = ("project", "invoice", "transfer__debit_account")


@admin.register(InvoiceDiscount)
class InvoiceDiscountAdmin(PageAdmin):
    list_display = ["coupon", "invoice", "line_key", "off"]
    list_select_related = RELATED
    ordering = ["-id"]
    search_fields = ["invoice__public_id__exact", "coupon__exact"]
    search_help_text = "An invoice's id, or a coupon's code"

    def get_queryset(self, request: HttpRequest) -> QuerySet[InvoiceDiscount]:
        rows: QuerySet[InvoiceDiscount] = super().get_queryset(request)
        return rows.select_related(*RELATED)

    @admin.display(description="Off")
    def off(self, row: InvoiceDiscount) -> str:
        return whole(money(Money(discount_amount(row), row.invoice.currency)))

    def page(self, request: HttpRequest, row: InvoiceDiscount) -> Page:
        currency = row.invoice.currency
        fixed = row.amount_off_minor
        gives = f"{row.percent_off} %" if fixed is None else money(Money(fixed, currency))
        return Page(
            headlines=[Headline("Off", self.off(row), "the amount of its ledger transfer")],
            facts=[
                Fact("Coupon", code(row.coupon)),
                Fact("Name", row.name),
                Fact("It gives", gives),
                Fact("Redemption", f"the customer's number {row.number}"),
                Fact("Invoice", link_to(row.invoice)),
                Fact("Line", code(row.line_key)),
                Fact("Counts for period", str(row.unit)),
                Fact("Inclusive tax beside it", money(Money(row.included_minor, currency))),
                Fact("Transfer", link_to(row.transfer)),
                Fact("Project", link_to(row.project)),
            ],
        )


@admin.register(InvoiceTax)
class InvoiceTaxAdmin(PageAdmin):
    list_display = ["name", "percent", "invoice", "line_key", "amount"]
    list_select_related = RELATED
    ordering = ["-id"]
    search_fields = ["invoice__public_id__exact", "rate__exact"]
    search_help_text = "An invoice's id, or a rate's code"

    def get_queryset(self, request: HttpRequest) -> QuerySet[InvoiceTax]:
        rows: QuerySet[InvoiceTax] = super().get_queryset(request)
        return rows.select_related(*RELATED)

    @admin.display(description="Rate", ordering="rate")
    def percent(self, row: InvoiceTax) -> str:
        return f"{row.rate_percent} %"

    @admin.display(description="Tax")
    def amount(self, row: InvoiceTax) -> str:
        return whole(money(Money(tax_amount(row), row.invoice.currency)))

    def page(self, request: HttpRequest, row: InvoiceTax) -> Page:
        return Page(
            headlines=[Headline("Tax", self.amount(row), "the amount of its ledger transfer")],
            facts=[
                Fact("Rate", code(row.rate)),
                Fact("Name", row.name),
                Fact("Percent", self.percent(row)),
                Fact("In the price", "yes" if row.inclusive else "no: put on it"),
                Fact("Country", row.country),
                Fact("Why nothing is due", row.reason),
                Fact("Invoice", link_to(row.invoice)),
                Fact("Line", code(row.line_key)),
                Fact("Transfer", link_to(row.transfer)),
                Fact("Project", link_to(row.project)),
            ],
        )
