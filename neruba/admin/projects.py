"""Projects: made on the command line or by the API; their name and policies are changed here."""

from dataclasses import fields
from functools import partial
from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from unfold.dataclasses import ActionDialog
from unfold.decorators import action
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
    UnfoldBooleanSwitchWidget,
)

from neruba import clock
from neruba.admin.base import HistoryAdmin
from neruba.admin.dialogs import RowForm, act, operator
from neruba.admin.page import Fact, Page, PageAdmin, Table, instant, list_of, page_of
from neruba.models import ApiKey, AuditRecord, Customer, Project
from neruba.project_settings import CHOICES, FLAGS, MAX_PAYMENT_TERMS_DAYS, ProjectSettings
from neruba.services.projects import update_project

SETTINGS = tuple(field.name for field in fields(ProjectSettings))


def setting_words(name: str) -> str:
    return name.replace("_", " ").capitalize()


def setting_field(name: str) -> forms.Field:
    """The form field of a setting; the service checks what it means."""
    label = setting_words(name)
    if name in CHOICES:
        choices = [(value, value.replace("_", " ")) for value in CHOICES[name]]
        return forms.ChoiceField(label=label, choices=choices, widget=UnfoldAdminSelectWidget())
    if name in FLAGS:
        return forms.BooleanField(label=label, required=False, widget=UnfoldBooleanSwitchWidget())
    if name == "payment_terms_days":
        return forms.IntegerField(
            label=label,
            min_value=0,
            max_value=MAX_PAYMENT_TERMS_DAYS,
            widget=UnfoldAdminIntegerFieldWidget(),
        )
    return forms.CharField(
        label=label,
        widget=UnfoldAdminTextInputWidget(),
        help_text="ISO 8601 duration, such as PT1H",
    )


class SettingsForm(RowForm[Project]):
    rows = Project.objects.all()
    project_path = "pk"

    name = forms.CharField(max_length=200, widget=UnfoldAdminTextInputWidget())

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        project = self.row
        self.initial = {"name": project.name, **project.policy.as_dict()}
        self.fields |= {name: setting_field(name) for name in SETTINGS}
        self.order_fields(["name", *SETTINGS])


CHANGE: ActionDialog = {
    "title": "Change name and policies",
    "description": "Periods that are open keep the policies they began with.",
    "form_class": SettingsForm,
    "form_submit_text": "Change",
}


@admin.register(Project)
class ProjectAdmin(HistoryAdmin, PageAdmin):
    project_path = "pk"
    list_display = ["slug", "name", "mode", "currency", "timezone", "clock_at", "created_at"]
    search_fields = ["slug", "name"]
    actions_detail = ["change_settings"]
    show_row_history = True

    @action(
        description="Change name and policies",
        permissions=["neruba.change_project"],
        icon="tune",
        dialog=CHANGE,
    )
    def change_settings(
        self, request: HttpRequest, form: SettingsForm, object_id: str
    ) -> HttpResponse:
        given = dict(form.cleaned_data)
        work = partial(
            update_project,
            project=form.row,
            name=given["name"],
            settings={name: given[name] for name in SETTINGS},
            actor=operator(request),
            at=clock.now(form.row),
            reason=given["reason"],
        )
        return act(
            request,
            form=form,
            dialog=CHANGE,
            work=work,
            done=lambda project: f"{project.slug} was changed.",
            then=page_of(form.row),
        )

    def page(self, request: HttpRequest, row: Project) -> Page:
        defaults, policy = ProjectSettings().as_dict(), row.policy.as_dict()
        shown = [
            [
                setting_words(name),
                _words(value),
                "" if value == defaults[name] else f"not the default ({_words(defaults[name])})",
            ]
            for name, value in policy.items()
        ]
        return Page(
            facts=[
                Fact("Slug", row.slug),
                Fact("Name", row.name),
                Fact("Mode", row.mode),
                Fact("Currency", row.currency),
                Fact("Time zone", row.timezone),
                Fact("Its own clock", instant(row.clock_at)),
                Fact("Created", instant(row.created_at)),
                Fact("Customers", list_of(Customer, "all customers")),
                Fact("API keys", list_of(ApiKey, "all keys")),
                Fact("Audit", list_of(AuditRecord, "what was done")),
            ],
            tables=[
                Table(
                    title="Policies",
                    columns=["Policy", "Value", ""],
                    rows=shown,
                    empty="",
                )
            ],
        )


def _words(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value).replace("_", " ")
