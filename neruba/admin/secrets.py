"""Secrets of projects: set and removed here, and never shown."""

from functools import partial

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from unfold.dataclasses import ActionDialog
from unfold.decorators import action
from unfold.widgets import (
    UnfoldAdminPasswordWidget,
    UnfoldAdminSelectWidget,
)

from neruba import clock
from neruba.admin.dialogs import ReasonForm, RowForm, act, operator
from neruba.admin.page import Fact, Page, PageAdmin, code, instant, link_to, list_address, page_of
from neruba.models import ProjectSecret
from neruba.services.secrets import MAX_LENGTH, remove_secret, set_secret


class SetForm(ReasonForm):
    name = forms.ChoiceField(choices=ProjectSecret.Name.choices, widget=UnfoldAdminSelectWidget())
    value = forms.CharField(
        max_length=MAX_LENGTH,
        # Not what was given, where the dialog is shown again: a password field renders no value.
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "off"}),
    )


class RemoveForm(RowForm[ProjectSecret]):
    rows = ProjectSecret.objects.select_related("project")


SET: ActionDialog = {
    "title": "Set a secret",
    "description": (
        "It is encrypted, and takes the place of the one that stands there. Nobody is shown it "
        "again: keep it where it comes from."
    ),
    "form_class": SetForm,
    "form_submit_text": "Set",
}
REMOVE: ActionDialog = {
    "title": "Remove this secret",
    "description": "What needs it stops at once. The value is gone.",
    "form_class": RemoveForm,
    "form_submit_text": "Remove",
}


@admin.register(ProjectSecret)
class ProjectSecretAdmin(PageAdmin):
    list_display = ["name", "ends", "set_at", "set_by"]
    list_filter = ["name"]
    list_select_related = ["project"]
    search_fields = ["name__startswith", "set_by__startswith"]
    search_help_text = "The beginning of a name, or of who set it"
    actions_list = ["set"]
    actions_detail = ["remove"]

    @admin.display(description="Ends with")
    def ends(self, secret: ProjectSecret) -> str:
        return code(f"…{secret.ending}") if secret.ending else ""

    @action(
        description="Set a secret",
        permissions=["neruba.add_projectsecret"],
        icon="encrypted",
        dialog=SET,
    )
    def set(self, request: HttpRequest, form: SetForm) -> HttpResponse:
        given = form.cleaned_data
        work = partial(
            set_secret,
            project=form.project,
            name=given["name"],
            value=given["value"],
            actor=operator(request),
            at=clock.now(form.project),
            wall=clock.wall(),
            reason=given["reason"],
        )
        return act(
            request,
            form=form,
            dialog=SET,
            work=work,
            done=lambda secret: f"{secret.get_name_display()} is set.",
            then=page_of,
        )

    @action(
        description="Remove",
        permissions=["neruba.delete_projectsecret"],
        icon="delete",
        dialog=REMOVE,
    )
    def remove(self, request: HttpRequest, form: RemoveForm, object_id: str) -> HttpResponse:
        secret = form.row
        work = partial(
            remove_secret,
            project=secret.project,
            name=secret.name,
            actor=operator(request),
            at=clock.now(secret.project),
            reason=form.cleaned_data["reason"],
        )
        return act(
            request,
            form=form,
            dialog=REMOVE,
            work=work,
            done=lambda _none: f"{secret.get_name_display()} is removed.",
            then=list_address(ProjectSecret),
        )

    def page(self, request: HttpRequest, row: ProjectSecret) -> Page:
        return Page(
            facts=[
                Fact("Secret", row.get_name_display()),
                Fact("Project", link_to(row.project)),
                Fact("Ends with", self.ends(row)),
                Fact("Set", instant(row.set_at)),
                Fact("By", row.set_by),
            ]
        )
