"""Tax rates, and which of them a customer carries."""

from functools import partial
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from unfold.dataclasses import ActionDialog
from unfold.decorators import action
from unfold.widgets import (
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from neruba import clock
from neruba.admin.customers import EXEMPTIONS
from neruba.admin.dialogs import ReasonForm, RowForm, act, operator
from neruba.admin.page import Fact, Page, PageAdmin, code, instant, link_to, page_of
from neruba.models import Customer, TaxRate
from neruba.services.customers import update_customer
from neruba.services.tax_rates import create_tax_rate


class TaxRateForm(ReasonForm):
    """A rate that is made."""

    code = forms.CharField(max_length=255, widget=UnfoldAdminTextInputWidget())
    name = forms.CharField(
        max_length=255, help_text="As invoices print it.", widget=UnfoldAdminTextInputWidget()
    )
    rate_percent = forms.CharField(
        label="Percent",
        help_text="0 to 100, up to four decimals, such as 8.875.",
        widget=UnfoldAdminTextInputWidget(),
    )
    inclusive = forms.BooleanField(
        required=False,
        label="Part of the prices",
        help_text="Else it is put on them.",
        widget=UnfoldBooleanSwitchWidget(),
    )
    country = forms.CharField(
        required=False,
        max_length=2,
        help_text="Two letters, such as DE; may be empty.",
        widget=UnfoldAdminTextInputWidget(),
    )

    def clean_country(self) -> str:
        country: str = self.cleaned_data["country"].upper()
        return country


class TaxesForm(RowForm[Customer]):
    """Rates by code, in the order in which invoices print them, and whether they are due."""

    rows = Customer.objects.select_related("project")

    tax_rates = forms.CharField(
        required=False,
        label="Tax rates",
        help_text="Codes with commas between them; empty: no tax.",
        widget=UnfoldAdminTextInputWidget(),
    )
    tax_exempt = forms.ChoiceField(
        label="Is tax due?",
        choices=list(EXEMPTIONS.items()),
        widget=UnfoldAdminSelectWidget(),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial = {
            "tax_rates": ", ".join(self.row.tax_rates or ()),
            "tax_exempt": self.row.tax_exempt,
        }

    def clean_tax_rates(self) -> list[str]:
        return [one.strip() for one in self.cleaned_data["tax_rates"].split(",") if one.strip()]


MAKE: ActionDialog = {
    "title": "Make a tax rate",
    "description": "It never changes: a new percentage is a new rate, with a code of its own.",
    "form_class": TaxRateForm,
    "form_submit_text": "Make it",
}
TAXES: ActionDialog = {
    "title": "Set this customer's taxes",
    "description": "Holds for what is issued from now on, drafts too.",
    "form_class": TaxesForm,
    "form_submit_text": "Set",
}


def set_taxes(request: HttpRequest, form: TaxesForm) -> HttpResponse:
    """The act of the customer's page."""
    given = form.cleaned_data
    work = partial(
        update_customer,
        customer=form.row,
        content={name: given[name] for name in ("tax_rates", "tax_exempt")},
        actor=operator(request),
        at=clock.now(form.row.project),
        reason=given["reason"],
    )
    return act(
        request,
        form=form,
        dialog=TAXES,
        work=work,
        done=lambda customer: f"The taxes of {customer.name} are set.",
        then=page_of(form.row),
    )


@admin.register(TaxRate)
class TaxRateAdmin(PageAdmin):
    list_display = ["code", "name", "percent", "inclusive", "country", "created_at"]
    list_filter = ["inclusive"]
    list_select_related = ["project"]
    ordering = ["-id"]
    search_fields = ["code__startswith", "name__startswith"]
    search_help_text = "The beginning of a code or a name"
    actions_list = ["make"]

    @admin.display(description="Percent")
    def percent(self, rate: TaxRate) -> str:
        return f"{rate.rate_percent} %"

    @action(
        description="Make a tax rate", permissions=["neruba.add_taxrate"], icon="add", dialog=MAKE
    )
    def make(self, request: HttpRequest, form: TaxRateForm) -> HttpResponse:
        work = partial(
            create_tax_rate,
            project=form.project,
            actor=operator(request),
            at=clock.now(form.project),
            **form.given,
        )
        return act(
            request,
            form=form,
            dialog=MAKE,
            work=work,
            done=lambda made: f"{made.tax_rate.name}, {made.tax_rate.rate_percent} %, is made.",
            then=lambda made: page_of(made.tax_rate),
        )

    def page(self, request: HttpRequest, row: TaxRate) -> Page:
        return Page(
            facts=[
                Fact("Code", code(row.code)),
                Fact("Name", row.name),
                Fact("Percent", f"{row.rate_percent} %"),
                Fact("On prices", "part of them" if row.inclusive else "put on them"),
                Fact("Country", row.country),
                Fact("Project", link_to(row.project)),
                Fact("Created", instant(row.created_at)),
            ]
        )
