"""Meters: what events mean. Only the name can change: usage that was billed rests on the rest."""

from functools import partial

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from unfold.dataclasses import ActionDialog
from unfold.decorators import action
from unfold.widgets import UnfoldAdminTextInputWidget

from ingest.models import Meter
from ingest.services.meters import rename_meter
from neruba import clock
from neruba.admin.base import HistoryAdmin
from neruba.admin.dialogs import RowForm, act, operator
from neruba.admin.page import Fact, Page, PageAdmin, code, instant, link_to, page_of, pretty


class RenameForm(RowForm[Meter]):
    rows = Meter.objects.select_related("project")
    name = forms.CharField(max_length=200, widget=UnfoldAdminTextInputWidget())

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].initial = self.row.name


RENAME: ActionDialog = {
    "title": "Rename this meter",
    "description": "Issued invoices keep the name that they were issued with.",
    "form_class": RenameForm,
    "form_submit_text": "Rename",
}


@admin.register(Meter)
class MeterAdmin(HistoryAdmin, PageAdmin):
    list_display = ["code", "name", "event_type", "aggregation", "value_property"]
    list_filter = ["aggregation"]
    list_select_related = ["project"]
    search_fields = ["code", "name", "event_type"]
    actions_detail = ["rename"]
    show_row_history = True

    @action(description="Rename", permissions=["ingest.change_meter"], icon="edit", dialog=RENAME)
    def rename(self, request: HttpRequest, form: RenameForm, object_id: str) -> HttpResponse:
        work = partial(
            rename_meter,
            meter=form.row,
            name=form.cleaned_data["name"],
            reason=form.cleaned_data["reason"],
            actor=operator(request),
            at=clock.now(form.project),
        )
        return act(
            request,
            form=form,
            dialog=RENAME,
            work=work,
            done=lambda meter: f"{meter.code} is called {meter.name} now.",
            then=page_of(form.row),
        )

    def page(self, request: HttpRequest, row: Meter) -> Page:
        return Page(
            facts=[
                Fact("Code", code(row.code)),
                Fact("Name", row.name),
                Fact("Reads events of type", code(row.event_type)),
                Fact("Aggregation", row.aggregation),
                Fact("Value", code(row.value_property)),
                Fact("Filters", code(pretty(row.filters)) if row.filters else ""),
                Fact("Grouped by", ", ".join(row.group_by)),
                Fact("Carries over", "yes" if row.carry_over else "no"),
                Fact("Rounded", _rounding(row)),
                Fact("Project", link_to(row.project)),
                Fact("Created", instant(row.created_at)),
            ]
        )


def _rounding(meter: Meter) -> str:
    if not meter.rounding_mode:
        return ""
    places = meter.rounding_places
    return (
        f"{meter.rounding_mode.replace('_', ' ')} to {places} decimals"
        if places >= 0
        else (f"{meter.rounding_mode.replace('_', ' ')} to {10**-places:,}s")
    )
