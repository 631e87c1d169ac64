"""Checkout sessions, read-only."""

from django.contrib import admin
from django.http import HttpRequest
from django.utils.html import format_html
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from neruba.admin.base import InstantRangeFilter
from neruba.admin.page import Fact, Headline, Page, PageAdmin, code, instant, link_to
from payments.admin.words import amount_of, state_label
from payments.models import CheckoutSession


@admin.register(CheckoutSession)
class CheckoutSessionAdmin(PageAdmin):
    list_display = ["public_id", "customer", "amount", "stands", "invoice", "pack", "created_at"]
    list_filter = [("state", ChoicesDropdownFilter), ("created_at", InstantRangeFilter)]
    list_select_related = ["project", "customer", "invoice", "pack"]
    search_fields = [
        *("public_id__exact", "provider_id__exact"),
        *("customer__external_id__startswith", "invoice__public_id__exact"),
    ]
    search_help_text = "The id of a session or an invoice, or the beginning of a customer's id"

    @admin.display(description="Amount", ordering="amount_minor")
    def amount(self, session: CheckoutSession) -> str:
        return amount_of(session.amount_minor, session.currency)

    @admin.display(description="State", ordering="state")
    def stands(self, session: CheckoutSession) -> str:
        return state_label(session.state, session.get_state_display())

    def page(self, request: HttpRequest, row: CheckoutSession) -> Page:
        is_open = row.state == CheckoutSession.State.OPEN
        address = format_html('<a href="{0}" rel="noreferrer">{0}</a>', row.url)
        return Page(
            headlines=[
                Headline("Amount", self.amount(row)),
                Headline("State", self.stands(row), instant(row.closed_at)),
            ],
            facts=[
                Fact("Customer", link_to(row.customer)),
                Fact("Invoice", link_to(row.invoice)),
                Fact("Credit pack", link_to(row.pack)),
                Fact("Payment", link_to(row.payment)),
                Fact("Where it is paid", address if is_open else ""),
                Fact("At the provider", code(row.provider_id)),
                Fact("Project", link_to(row.project)),
                Fact("Opened", instant(row.created_at)),
                Fact("Expires (real time)", instant(row.expires_at)),
            ],
        )
