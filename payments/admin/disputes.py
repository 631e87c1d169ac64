"""Disputes, read-only: they are answered at the provider."""

from django.contrib import admin
from django.http import HttpRequest
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from neruba.admin.base import InstantRangeFilter
from neruba.admin.page import Banner, Fact, Headline, Page, PageAdmin, code, instant, link_to
from payments.admin.words import amount_of, entries_table, state_label
from payments.entries import DISPUTE_LOST, DISPUTE_OPENED, DISPUTE_WON
from payments.models import Dispute


@admin.register(Dispute)
class DisputeAdmin(PageAdmin):
    list_display = ["public_id", "payment", "amount", "stands", "reason", "opened_at", "closed_at"]
    list_filter = [("state", ChoicesDropdownFilter), ("opened_at", InstantRangeFilter)]
    list_select_related = ["project", "payment"]
    search_fields = ["public_id__exact", "provider_id__exact", "payment__public_id__exact"]
    search_help_text = "The id of a dispute, here or at the provider, or of a payment"

    @admin.display(description="Amount", ordering="amount_minor")
    def amount(self, dispute: Dispute) -> str:
        return amount_of(dispute.amount_minor, dispute.currency)

    @admin.display(description="State", ordering="state")
    def stands(self, dispute: Dispute) -> str:
        return state_label(dispute.state, dispute.get_state_display())

    def page(self, request: HttpRequest, row: Dispute) -> Page:
        words = "Answer it at the provider; what the payment bought is frozen until it is decided."
        return Page(
            banners=[Banner("warning", words)] if row.state == Dispute.State.OPEN else [],
            headlines=[
                Headline("Amount", self.amount(row)),
                Headline("Fee", amount_of(row.fee_minor, row.currency)),
                Headline("State", self.stands(row), instant(row.closed_at)),
            ],
            facts=[
                Fact("Payment", link_to(row.payment)),
                Fact("Reason", row.reason),
                Fact("At the provider", code(row.provider_id)),
                Fact("Project", link_to(row.project)),
                Fact("Opened", instant(row.opened_at)),
            ],
            tables=[
                entries_table(
                    row.project, row.operation_key, (DISPUTE_OPENED, DISPUTE_WON, DISPUTE_LOST)
                )
            ],
        )
