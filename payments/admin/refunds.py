"""Refunds, read-only: they are asked for on a payment, or made at the provider."""

import json

from django.contrib import admin
from django.http import HttpRequest
from unfold.contrib.filters.admin import ChoicesDropdownFilter

from neruba.admin.base import InstantRangeFilter
from neruba.admin.page import Banner, Fact, Headline, Page, PageAdmin, Table, code, instant, link_to
from payments.admin.words import amount_of, entries_table, state_label
from payments.entries import REFUND_FAILED, REFUND_LEFT
from payments.models import Refund


@admin.register(Refund)
class RefundAdmin(PageAdmin):
    list_display = ["public_id", "payment", "amount", "stands", "reason", "created_at"]
    list_filter = [("state", ChoicesDropdownFilter), ("created_at", InstantRangeFilter)]
    list_select_related = ["project", "payment"]
    search_fields = ["public_id__exact", "provider_id__exact", "payment__public_id__exact"]
    search_help_text = "The id of a refund, here or at the provider, or of a payment"

    @admin.display(description="Amount", ordering="amount_minor")
    def amount(self, refund: Refund) -> str:
        return amount_of(refund.amount_minor, refund.currency)

    @admin.display(description="State", ordering="state")
    def stands(self, refund: Refund) -> str:
        return state_label(refund.state, refund.get_state_display())

    def page(self, request: HttpRequest, row: Refund) -> Page:
        failed = "What could not be paid out is on the customer balance."
        parts = [(part["from"], part["amount"]) for part in json.loads(row.cover)]
        return Page(
            banners=[Banner("error", failed)] if row.state == Refund.State.FAILED else [],
            headlines=[
                Headline("Amount", self.amount(row)),
                Headline("State", self.stands(row), instant(row.closed_at)),
            ],
            facts=[
                Fact("Payment", link_to(row.payment)),
                Fact("Credit note", link_to(row.credit_note)),
                Fact("Reason", row.reason),
                Fact("Asked for by", row.requested_by),
                Fact("At the provider", code(row.provider_id)),
                Fact("Why it failed", row.cause),
                Fact("Project", link_to(row.project)),
                Fact("Made", instant(row.created_at)),
            ],
            tables=[
                Table(
                    title="What it gave back",
                    columns=["From", "Amount"],
                    rows=parts,
                    empty="Nothing.",
                    numeric=("Amount",),
                ),
                entries_table(row.project, row.operation_key, (REFUND_LEFT, REFUND_FAILED)),
            ],
        )
