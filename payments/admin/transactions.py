"""What the provider booked on the account it keeps for us, read-only, and the act that fetches."""

from datetime import date, timedelta
from typing import Any

from django import forms
from django.contrib import admin
from django.core.validators import MinValueValidator
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.dataclasses import ActionDialog
from unfold.decorators import action
from unfold.widgets import UnfoldAdminTextInputWidget

from neruba import clock
from neruba.admin.base import InstantRangeFilter
from neruba.admin.dialogs import ReasonForm, act, operator
from neruba.admin.page import Fact, Headline, Page, PageAdmin, Table, code, instant, link_to
from neruba.nudge import nudge
from neruba.period import EARLIEST, local_midnight
from neruba.tasks import deliver_due
from payments.admin.words import amount_of, list_link
from payments.models import PayoutTransaction, ProviderTransaction
from payments.services.transactions import request_fetch

MAY_FETCH = ["payments.add_providertransaction"]
MAX_DAYS = 366
ROWS_SHOWN = 500


def _day_field(label: str) -> forms.DateField:
    return forms.DateField(
        label=label,
        validators=[MinValueValidator(EARLIEST.date())],
        widget=UnfoldAdminTextInputWidget(attrs={"type": "date"}),
    )


class FetchForm(ReasonForm):
    first = _day_field("From the beginning of")
    last = _day_field("To the end of")

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        first, last = given.get("first"), given.get("last")
        if first and last and not first <= last <= first + timedelta(days=MAX_DAYS):
            raise forms.ValidationError(f"Fetch from one day up to {MAX_DAYS} days at once.")
        today: date = clock.wall().date()
        if first and first > today:
            raise forms.ValidationError("Nothing was booked yet on days to come.")
        return given


FETCH: ActionDialog = {
    "title": "Fetch from Stripe",
    "description": (
        "Every balance transaction of these days, and what the payouts begun in them paid out. "
        "What is kept here already stays as it is. It is done in the background: look again in a "
        "minute, or in the outbox where it failed."
    ),
    "form_class": FetchForm,
    "form_submit_text": "Fetch",
}


@admin.register(ProviderTransaction)
class ProviderTransactionAdmin(PageAdmin):
    list_display = ["transaction_id", "type", "net", "fee", "source", "created_at"]
    list_filter = [("type", ChoicesDropdownFilter), ("created_at", InstantRangeFilter)]
    list_select_related = ["project"]
    search_fields = ["transaction_id__exact", "source__exact"]
    search_help_text = "Stripe's id of a balance transaction, or of what it is of"
    actions_list = ["fetch"]

    @admin.display(description="Net", ordering="net_minor")
    def net(self, row: ProviderTransaction) -> str:
        return amount_of(row.net_minor, row.currency)

    @admin.display(description="Fee", ordering="fee_minor")
    def fee(self, row: ProviderTransaction) -> str:
        return amount_of(row.fee_minor, row.currency)

    @action(description="Fetch from Stripe", permissions=MAY_FETCH, icon="sync", dialog=FETCH)
    def fetch(self, request: HttpRequest, form: FetchForm) -> HttpResponse:
        project = form.project

        def ask() -> None:
            given = form.cleaned_data
            request_fetch(
                project=project,
                since=local_midnight(given["first"], project.timezone),
                to=local_midnight(given["last"] + timedelta(days=1), project.timezone),
                reason=given["reason"],
                actor=operator(request),
                at=clock.now(project),
            )
            nudge(deliver_due)

        return act(
            request,
            form=form,
            dialog=FETCH,
            work=ask,
            done=lambda _done: "What Stripe booked is being fetched.",
            then=reverse("admin:payments_providertransaction_changelist"),
        )

    def page(self, request: HttpRequest, row: ProviderTransaction) -> Page:
        paid_out = PayoutTransaction.objects.filter(transaction=row).first()
        return Page(
            headlines=[
                Headline("Net", self.net(row), f"{amount_of(row.amount_minor, row.currency)} less"),
                Headline("Fee", self.fee(row)),
            ],
            facts=[
                Fact("Type", row.type),
                Fact("Reported as", row.category),
                Fact("Of", code(row.source)),
                Fact("Description", row.description),
                Fact("Happened", instant(row.created_at)),
                Fact("Can be paid out", instant(row.available_at)),
                Fact("Payout", link_to(paid_out, paid_out.payout) if paid_out else ""),
                Fact("Fetched", instant(row.fetched_at)),
                Fact("Project", link_to(row.project)),
            ],
        )


@admin.register(PayoutTransaction)
class PayoutTransactionAdmin(PageAdmin):
    list_display = ["payout", "transaction", "net"]
    list_select_related = ["project", "transaction"]
    search_fields = ["payout__exact", "transaction__transaction_id__exact"]
    search_help_text = "Stripe's id of a payout or of a balance transaction"

    @admin.display(description="Net")
    def net(self, row: PayoutTransaction) -> str:
        return amount_of(row.transaction.net_minor, row.transaction.currency)

    def page(self, request: HttpRequest, row: PayoutTransaction) -> Page:
        parts = PayoutTransaction.objects.filter(project=row.project, payout=row.payout)
        shown = [
            (link_to(one.transaction), one.transaction.type, self.net(one))
            for one in parts.select_related("transaction").order_by("pk")[:ROWS_SHOWN]
        ]
        return Page(
            facts=[
                Fact("Payout", code(row.payout)),
                Fact("Transaction", link_to(row.transaction)),
                Fact("Project", link_to(row.project)),
                Fact("See also", list_link("payouttransaction", "all of it", q=row.payout)),
            ],
            tables=[
                Table(
                    title=f"What it paid out, up to {ROWS_SHOWN} rows",
                    columns=["Transaction", "Type", "Net"],
                    rows=shown,
                    empty="",
                    numeric=("Net",),
                )
            ],
        )
