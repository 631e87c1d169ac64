"""The customer's page: what is owed, what runs, what was used, what was billed."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import groupby
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from unfold.dataclasses import ActionDialog
from unfold.decorators import action
from unfold.views import ChangeList
from unfold.widgets import UnfoldAdminTextareaWidget, UnfoldAdminTextInputWidget

from billing.admin.charge import charge_table
from billing.admin.coupon import coupon_section
from billing.admin.coupon_forms import REDEEM, RedeemForm, redeem
from billing.admin.documents import document_table, read_documents
from billing.admin.entitlements import entitlement_table
from billing.admin.subscription import subscription_status
from billing.models import Charge, Invoice, Subscription
from billing.rating.terms import Terms
from billing.rating.words import spoken
from billing.selectors.documents import RELATED, Document, document_of_computed
from billing.selectors.previews import preview
from billing.selectors.timelines import timelines_of
from ledger.admin.credit_panel import CreditPanel, credit_panel
from ledger.selectors.balances import CustomerBalance, customer_balance
from neruba import clock
from neruba.admin.customers import CustomerAdmin as PlatformCustomerAdmin
from neruba.admin.customers import customer_facts
from neruba.admin.dialogs import RowForm, act, operator
from neruba.admin.page import (
    Fact,
    Headline,
    Page,
    Table,
    days,
    instant,
    link_to,
    list_of,
    money,
    page_of,
)
from neruba.admin.tax_rates import TAXES, TaxesForm, set_taxes
from neruba.models import Customer
from neruba.money import Money
from neruba.services.customers import update_customer
from support.admin.credits import ADJUST, ISSUE, AdjustForm, IssueForm, adjust, issue
from support.admin.erasure import ERASE, EraseForm, erase, erased_banners
from support.selectors.customers import current_usage, receivables_of

SUBSCRIPTIONS_SHOWN = 20
ROWS_SHOWN = 10


class CustomerList(ChangeList):
    """A page of customers, each with what it owes."""

    result_list: Any

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows = list(self.result_list)
        by_project = sorted(rows, key=lambda row: row.project_id)
        for _, group in groupby(by_project, key=lambda row: row.project_id):
            mine = list(group)
            owed = receivables_of(mine[0].project, [row.external_id for row in mine])
            for row in mine:
                vars(row)["owed_shown"] = owed[row.external_id]
        self.result_list = rows


class DetailsForm(RowForm[Customer]):
    """What may be put right by hand; issued invoices keep the parties of their issue."""

    rows = Customer.objects.select_related("project")

    name = forms.CharField(max_length=255, widget=UnfoldAdminTextInputWidget())
    email = forms.EmailField(required=False, label="E-mail", widget=UnfoldAdminTextInputWidget())
    billing_address = forms.CharField(
        required=False,
        help_text="One line for each part, such as `city: Hamburg`.",
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 5}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        address = self.row.billing_address
        self.initial = {
            "name": self.row.name,
            "email": self.row.email,
            "billing_address": "\n".join(f"{part}: {text}" for part, text in address.items()),
        }

    def clean_billing_address(self) -> dict[str, str]:
        parts: dict[str, str] = {}
        for line in self.cleaned_data["billing_address"].splitlines():
            part, colon, text = (piece.strip() for piece in line.partition(":"))
            if not line.strip():
                continue
            if not colon or not part:
                raise forms.ValidationError(f"Write {line.strip()!r} as `part: text`.")
            parts[part] = text
        return parts


CHANGE: ActionDialog = {
    "title": "Change the customer's details",
    "description": "Drafts and further invoices are addressed so; what is issued stays as it is.",
    "form_class": DetailsForm,
    "form_submit_text": "Change",
}


@dataclass(frozen=True, slots=True)
class Section:
    """A table of the page, read only for operators who hold the permission."""

    permission: str
    read: Callable[[], Table]


@admin.register(Customer)
class CustomerAdmin(PlatformCustomerAdmin):
    list_display = ["name", "external_id", "email", "owes", "created_at"]
    actions_detail = [
        "issue_credit",
        "redeem_coupon",
        "change_details",
        # A row of all of them is wider than the page.
        {
            "title": "Other acts",
            "icon": "more_horiz",
            "items": ["adjust_balance", "set_taxes", "erase_identity"],
        },
    ]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return CustomerList

    @admin.display(description="Owes")
    def owes(self, customer: Customer) -> str:
        amounts: list[Money] = vars(customer)["owed_shown"]
        return ", ".join(money(amount) for amount in amounts) or "nothing"

    @action(
        description="Issue credit",
        permissions=["ledger.add_grant"],
        icon="redeem",
        dialog=ISSUE,
    )
    def issue_credit(self, request: HttpRequest, form: IssueForm, object_id: str) -> HttpResponse:
        return issue(request, form)

    @action(
        description="Adjust balance",
        permissions=["ledger.change_grant"],
        icon="balance",
        dialog=ADJUST,
    )
    def adjust_balance(
        self, request: HttpRequest, form: AdjustForm, object_id: str
    ) -> HttpResponse:
        return adjust(request, form)

    @action(
        description="Redeem coupon",
        permissions=["billing.redeem_coupon"],
        icon="confirmation_number",
        dialog=REDEEM,
    )
    def redeem_coupon(self, request: HttpRequest, form: RedeemForm, object_id: str) -> HttpResponse:
        return redeem(request, form)

    @action(
        description="Set taxes",
        permissions=["neruba.change_taxrate"],
        icon="account_balance_wallet",
        dialog=TAXES,
    )
    def set_taxes(self, request: HttpRequest, form: TaxesForm, object_id: str) -> HttpResponse:
        return set_taxes(request, form)

    @action(
        description="Change details",
        permissions=["neruba.change_customer"],
        icon="edit",
        dialog=CHANGE,
    )
    def change_details(
        self, request: HttpRequest, form: DetailsForm, object_id: str
    ) -> HttpResponse:
        given = dict(form.cleaned_data)
        work = partial(
            update_customer,
            customer=form.row,
            content={name: given[name] for name in ("name", "email", "billing_address")},
            actor=operator(request),
            at=clock.now(form.row.project),
            reason=given["reason"],
        )
        return act(
            request,
            form=form,
            dialog=CHANGE,
            work=work,
            done=lambda customer: f"{customer.name} was changed.",
            then=page_of(form.row),
        )

    @action(
        description="Erase identity",
        permissions=["neruba.delete_customer"],
        icon="person_off",
        dialog=ERASE,
    )
    def erase_identity(self, request: HttpRequest, form: EraseForm, object_id: str) -> HttpResponse:
        return erase(request, form)

    def page(self, request: HttpRequest, row: Customer) -> Page:
        at = clock.now(row.project)
        sections = [
            Section("billing.view_subscription", partial(subscription_section, row, at)),
            Section("billing.view_subscription", partial(entitlement_table, row, at)),
            Section("ingest.view_usageevent", partial(usage_section, row, at)),
            Section("billing.view_invoice", partial(invoice_section, row)),
            Section("billing.view_charge", partial(charge_section, row)),
            Section("billing.view_redemption", partial(coupon_section, row)),
        ]
        sees_books = request.user.has_perm("ledger.view_account")
        sees_credits = request.user.has_perm("ledger.view_grant")
        panel = credit_panel(request, row, at) if sees_credits else CreditPanel()
        subjects = ", ".join(str(subject) for subject in row.subjects.order_by("external_id"))
        return Page(
            banners=erased_banners(row),
            headlines=[
                *(balance_headlines(row) if sees_books else ()),
                *panel.headlines,
            ],
            facts=[*customer_facts(row), Fact("Usage comes under", subjects)],
            tables=[
                *(one.read() for one in sections if request.user.has_perm(one.permission)),
                *panel.tables,
            ],
        )


def balance_headlines(customer: Customer) -> list[Headline]:
    """What is owed and held, for each currency by itself."""
    balances = customer_balance(customer.project, customer.external_id)
    if not balances:
        unit = customer.currency or customer.project.currency
        return [Headline("Owed", money(Money(0, unit)), "nothing was invoiced yet")]
    return [headline for balance in balances for headline in _of_balance(balance)]


def _of_balance(balance: CustomerBalance) -> list[Headline]:
    unit = balance.currency
    return [
        Headline(f"Owed, {unit}", money(Money(balance.owed_minor, unit)), "of issued invoices"),
        Headline(f"Credit, {unit}", money(Money(balance.credit_minor, unit)), "can pay invoices"),
    ]


def subscription_section(customer: Customer, at: datetime) -> Table:
    """Each subscription with its next invoice, as computed now."""
    rows = list(
        Subscription.objects.filter(project=customer.project, customer=customer).order_by("-id")[
            : SUBSCRIPTIONS_SHOWN + 1
        ]
    )
    is_many = len(rows) > SUBSCRIPTIONS_SHOWN
    rows = rows[:SUBSCRIPTIONS_SHOWN]
    timelines = timelines_of(customer.project, [row.pk for row in rows])
    coming = {} if is_many else _coming(customer, at)
    unknown = "see its page" if is_many else "–"
    return Table(
        title="Subscriptions",
        columns=("Subscription", "Status", "Plan", "Since", "Next boundary", "Next invoice"),
        rows=[
            (
                link_to(row),
                subscription_status(timelines[row.pk].status(at)),
                _plan(timelines[row.pk].terms_at(at)),
                instant(row.start_at),
                instant(row.due_at) or f"none; ended {instant(row.end_at)}",
                _next_invoice(coming[row.pk]) if row.pk in coming else unknown,
            )
            for row in rows
        ],
        empty="No subscription: only charges are billed. POST /api/v1/subscriptions starts one.",
        numeric=("Next invoice",),
        more=list_of(Subscription, "all of them", customer__id__exact=customer.pk) if rows else "",
        anchor="subscriptions",
    )


def _coming(customer: Customer, at: datetime) -> dict[int, Document]:
    """The first document to come of each subscription, by its pk."""
    found: dict[int, Document] = {}
    for computed in preview(
        project=customer.project, customer=customer, subscription=None, as_of=None, at=at
    ):
        if computed.invoice.subscription_id is not None:
            found.setdefault(computed.invoice.subscription_id, document_of_computed(computed))
    return found


def _plan(terms: Terms) -> str:
    return f"{terms.plan} v{terms.plan_version}"


def _next_invoice(document: Document) -> str:
    return f"{money(document.total)}, as of now"


def usage_section(customer: Customer, at: datetime) -> Table:
    """Usage of the running period by meter, or of the month where no subscription runs."""
    used = current_usage(customer, at=at)
    is_billed = any(one.subscription for one in used)
    return Table(
        title="Usage of the current period" if is_billed else "Usage of this month",
        columns=("Meter", "Subscription", "Period", "Events", "Quantity so far"),
        rows=[
            (
                link_to(one.meter, one.meter.name or one.meter.code),
                one.subscription or "none bills it",
                days(one.interval.start, one.interval.end, one.zone),
                f"{one.usage.events:,}",
                spoken(one.usage.quantity),
            )
            for one in used
        ],
        empty="No usage: no period runs, and no event of this customer counted this month.",
        numeric=("Events", "Quantity so far"),
        anchor="usage",
    )


def invoice_section(customer: Customer) -> Table:
    rows = Invoice.objects.filter(project=customer.project, customer=customer)
    latest = rows.select_related(*RELATED).order_by("-id")[:ROWS_SHOWN]
    return document_table(
        "Invoices",
        read_documents(latest),
        empty="No invoice yet: the first comes with a subscription's start or with a charge.",
        more=list_of(Invoice, "all of them", customer__id__exact=customer.pk),
        anchor="invoices",
    )


def charge_section(customer: Customer) -> Table:
    rows = Charge.objects.filter(project=customer.project, customer=customer)
    return charge_table(
        "Charges",
        list(rows.select_related("invoice").order_by("-id")[:ROWS_SHOWN]),
        empty="No one-off charges.",
        more=list_of(Charge, "all of them", customer__id__exact=customer.pk),
        anchor="charges",
    )
