"""API keys: issued and revoked here. A hash is never shown, a secret once."""

from functools import partial

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from unfold.contrib.filters.admin import DropdownFilter
from unfold.dataclasses import ActionDialog
from unfold.decorators import action
from unfold.widgets import (
    UnfoldAdminCheckboxSelectMultipleWidget,
    UnfoldAdminSplitDateTimeVerticalWidget,
    UnfoldAdminTextInputWidget,
)

from neruba import clock
from neruba.admin.dialogs import ReasonForm, RowForm, act, operator, refuse
from neruba.admin.page import Fact, Page, PageAdmin, code, instant, label, link_to, page_of
from neruba.edge import run_atomic
from neruba.errors import NerubaError
from neruba.models import ApiKey
from neruba.models.access import SCOPES
from neruba.services.api_keys import issue_api_key, revoke_api_key

STATES = {"active": "success", "expired": "warning", "revoked": "error"}


def state_of(key: ApiKey) -> str:
    if key.revoked_at is not None:
        return "revoked"
    expired = key.expires_at is not None and key.expires_at <= clock.wall()
    return "expired" if expired else "active"


class StateFilter(DropdownFilter):
    title = "state"
    parameter_name = "state"

    def lookups(
        self, _request: HttpRequest, _model_admin: admin.ModelAdmin[ApiKey]
    ) -> list[tuple[str, str]]:
        return [(state, state) for state in STATES]

    def queryset(self, _request: HttpRequest, rows: QuerySet[ApiKey]) -> QuerySet[ApiKey]:
        ahead = rows.filter(revoked_at=None).exclude(expires_at__lte=clock.wall())
        return {
            "active": ahead,
            "expired": rows.filter(revoked_at=None, expires_at__lte=clock.wall()),
            "revoked": rows.exclude(revoked_at=None),
        }.get(self.value() or "", rows)


class IssueForm(ReasonForm):
    name = forms.CharField(max_length=200, widget=UnfoldAdminTextInputWidget())
    scopes = forms.MultipleChoiceField(
        choices=[(scope, f"{scope}: {words}") for scope, words in SCOPES.items()],
        widget=UnfoldAdminCheckboxSelectMultipleWidget(),
    )
    expires_at = forms.SplitDateTimeField(
        label="Expires at (UTC)",
        required=False,
        widget=UnfoldAdminSplitDateTimeVerticalWidget(),
    )


class RevokeForm(RowForm[ApiKey]):
    rows = ApiKey.objects.select_related("project")


ISSUE: ActionDialog = {
    "title": "Issue an API key",
    "description": "The secret is shown once, right after this, and stored nowhere.",
    "form_class": IssueForm,
    "form_submit_text": "Issue",
}
REVOKE: ActionDialog = {
    "title": "Revoke this API key",
    "description": "Requests with it are refused from now on. This cannot be taken back.",
    "form_class": RevokeForm,
    "form_submit_text": "Revoke",
}


@admin.register(ApiKey)
class ApiKeyAdmin(PageAdmin):
    list_display = ["name", "prefix", "scope_words", "state", "last_used_at"]
    list_filter = [StateFilter]
    list_select_related = ["project"]
    search_fields = ["name__startswith", "prefix__startswith"]
    search_help_text = "The beginning of a name or a prefix"
    actions_list = ["issue"]
    actions_detail = ["revoke"]

    @admin.display(description="Scopes")
    def scope_words(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

    @admin.display(description="State")
    def state(self, key: ApiKey) -> str:
        state = state_of(key)
        return label(state, STATES[state])

    @action(
        description="Issue an API key",
        permissions=["neruba.add_apikey"],
        icon="key",
        dialog=ISSUE,
    )
    def issue(self, request: HttpRequest, form: IssueForm) -> HttpResponse:
        given = dict(form.cleaned_data)
        project = form.project
        work = partial(
            issue_api_key,
            project=project,
            name=given["name"],
            scopes=given["scopes"],
            expires_at=given["expires_at"],
            actor=operator(request),
            at=clock.now(project),
            wall=clock.wall(),
            reason=given["reason"],
        )
        try:
            issued = run_atomic(work)
        except NerubaError as error:
            return refuse(request, form=form, dialog=ISSUE, error=error)
        # In the answer itself, not in a message: messages are stored until they are shown.
        context = {"issued": issued, "address": page_of(issued.key)}
        answer = render(request, "neruba/issued_key.html", context)
        answer["HX-Retarget"] = answer["HX-Reselect"] = "#dialog"
        answer["HX-Reswap"] = "outerHTML"
        return answer

    @action(
        description="Revoke",
        permissions=["neruba.change_apikey"],
        icon="block",
        dialog=REVOKE,
    )
    def revoke(self, request: HttpRequest, form: RevokeForm, object_id: str) -> HttpResponse:
        work = partial(
            revoke_api_key,
            project=form.row.project,
            prefix=form.row.prefix,
            reason=form.cleaned_data["reason"],
            actor=operator(request),
            at=clock.now(form.row.project),
            wall=clock.wall(),
        )
        return act(
            request,
            form=form,
            dialog=REVOKE,
            work=work,
            done=lambda _key: f"{form.row} is revoked.",
            then=page_of(form.row),
        )

    def page(self, request: HttpRequest, row: ApiKey) -> Page:
        state = state_of(row)
        return Page(
            facts=[
                Fact("Name", row.name),
                Fact("Prefix", code(row.prefix)),
                Fact("State", label(state, STATES[state])),
                Fact("Project", link_to(row.project)),
                Fact("Scopes", ", ".join(row.scopes)),
                Fact("Created", instant(row.created_at)),
                Fact("Expires", instant(row.expires_at) or "never"),
                Fact("Revoked", instant(row.revoked_at)),
                Fact("Last used", instant(row.last_used_at) or "never"),
            ]
        )
