"""The accounts of operators, for superusers. What an operator may do follows from memberships."""

from collections.abc import Callable
from functools import partial
from typing import Any

from axes.models import AccessAttempt
from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from unfold.dataclasses import ActionDialog, UnfoldAction
from unfold.decorators import action
from unfold.widgets import UnfoldAdminPasswordWidget

from neruba import clock
from neruba.admin.dialogs import RowForm, act, operator
from neruba.admin.page import Fact, Page, PageAdmin, Table, code, instant, label, list_of, page_of
from neruba.models import AuditRecord, Membership, OperatorToken, User
from neruba.services.operators import revoke_tokens, set_active, set_password, set_superuser

SHOWN = 100


class OperatorForm(RowForm[User]):
    rows = User.objects.all()
    project_path = None


class PasswordForm(OperatorForm):
    password = forms.CharField(
        strip=False,
        help_text="At least 12 characters; tell them over another channel than their e-mail.",
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
    )


def dialog(title: str, description: str, submit: str, form: type[OperatorForm]) -> ActionDialog:
    return {
        "title": title,
        "description": description,
        "form_class": form,
        "form_submit_text": submit,
    }


DEACTIVATE = dialog(
    "Switch this operator off",
    "Sessions and tokens end at once. Memberships stay, and count again when switched on.",
    "Switch off",
    OperatorForm,
)
ACTIVATE = dialog("Switch this operator on", "They may log in again.", "Switch on", OperatorForm)
PROMOTE = dialog(
    "Make a superuser",
    "Superusers manage operators and may enter every project for an hour, with a reason.",
    "Make a superuser",
    OperatorForm,
)
DEMOTE = dialog(
    "Take the superuser's rights", "Memberships stay as they are.", "Take them", OperatorForm
)
PASSWORD = dialog(
    "Set another password", "Sessions and tokens of this operator end.", "Set", PasswordForm
)
END_TOKENS = dialog(
    "End all tokens",
    "Programs that use them are refused.",
    "End them",
    OperatorForm,
)


@admin.register(User)
class OperatorAdmin(PageAdmin):
    project_path = None
    list_display = ["email", "first_name", "last_name", "state", "rights", "last_login"]
    list_filter = ["is_active", "is_superuser"]
    ordering = ["email"]
    search_fields = ["email__startswith", "last_name__startswith"]
    search_help_text = "The beginning of an e-mail address or a last name"
    actions_detail = ["password", "end_tokens", "deactivate", "activate", "promote", "demote"]

    def get_actions_detail(self, request: HttpRequest, object_id: int) -> list[UnfoldAction]:
        """Those that would change something."""
        found: list[UnfoldAction] = super().get_actions_detail(request, object_id)
        user = self.get_object(request, str(object_id))
        if user is None:
            return []
        idle = {
            "activate" if user.is_active else "deactivate",
            "promote" if user.is_superuser else "demote",
        }
        return [each for each in found if each.method.original_function_name not in idle]

    @admin.display(description="State", ordering="is_active")
    def state(self, user: User) -> str:
        return label("active", "success") if user.is_active else label("off", "error")

    @admin.display(description="Rights", ordering="is_superuser")
    def rights(self, user: User) -> str:
        return "superuser" if user.is_superuser else "by membership"

    @action(
        description="Switch off",
        permissions=["neruba.change_user"],
        icon="person_off",
        dialog=DEACTIVATE,
    )
    def deactivate(self, request: HttpRequest, form: OperatorForm, object_id: str) -> HttpResponse:
        work = partial(set_active, active=False)
        return _done(request, form, DEACTIVATE, work, "is switched off.")

    @action(
        description="Switch on", permissions=["neruba.change_user"], icon="person", dialog=ACTIVATE
    )
    def activate(self, request: HttpRequest, form: OperatorForm, object_id: str) -> HttpResponse:
        work = partial(set_active, active=True)
        return _done(request, form, ACTIVATE, work, "is switched on.")

    @action(
        description="Make a superuser",
        permissions=["neruba.change_user"],
        icon="shield_person",
        dialog=PROMOTE,
    )
    def promote(self, request: HttpRequest, form: OperatorForm, object_id: str) -> HttpResponse:
        work = partial(set_superuser, superuser=True)
        return _done(request, form, PROMOTE, work, "is a superuser now.")

    @action(
        description="Take the superuser's rights",
        permissions=["neruba.change_user"],
        icon="remove_moderator",
        dialog=DEMOTE,
    )
    def demote(self, request: HttpRequest, form: OperatorForm, object_id: str) -> HttpResponse:
        work = partial(set_superuser, superuser=False)
        return _done(request, form, DEMOTE, work, "is no superuser any more.")

    @action(
        description="Set a password",
        permissions=["neruba.change_user"],
        icon="password",
        dialog=PASSWORD,
    )
    def password(self, request: HttpRequest, form: PasswordForm, object_id: str) -> HttpResponse:
        work = partial(set_password, password=form.cleaned_data["password"])
        return _done(request, form, PASSWORD, work, "has another password.")

    @action(
        description="End all tokens",
        permissions=["neruba.change_user"],
        icon="key_off",
        dialog=END_TOKENS,
    )
    def end_tokens(self, request: HttpRequest, form: OperatorForm, object_id: str) -> HttpResponse:
        return _done(request, form, END_TOKENS, revoke_tokens, "has no tokens any more.")

    def page(self, request: HttpRequest, row: User) -> Page:
        members = Membership.objects.filter(user=row).select_related("project")
        tokens = OperatorToken.objects.filter(user=row, revoked_at=None)
        return Page(
            facts=[
                Fact("E-mail", row.email),
                Fact("Name", row.get_full_name()),
                Fact("State", self.state(row)),
                Fact("Rights", self.rights(row)),
                Fact("Known since", instant(row.date_joined)),
                Fact("Last login", instant(row.last_login) or "never"),
                Fact("Failed logins", list_of(AccessAttempt, "and locks", q=row.email)),
                Fact("Audit", list_of(AuditRecord, "what was done to it", q=row.email)),
            ],
            tables=[
                Table(
                    title="Memberships",
                    columns=("Project", "Role", "Since"),
                    rows=[
                        (one.project.slug, one.role, instant(one.created_at))
                        for one in members.order_by("project__slug")[:SHOWN]
                    ],
                    empty="No membership: sees no project.",
                ),
                Table(
                    title="Tokens that are not revoked",
                    columns=("Token", "Made", "Expires", "Last used"),
                    rows=[
                        (
                            code(f"nro_{one.prefix}…"),
                            instant(one.created_at),
                            instant(one.expires_at),
                            instant(one.last_used_at) or "never",
                        )
                        for one in tokens[:SHOWN]
                    ],
                    empty="None.",
                ),
            ],
        )


def _done(
    request: HttpRequest,
    form: OperatorForm,
    dialog: ActionDialog,
    work: Callable[..., Any],
    words: str,
) -> HttpResponse:
    return act(
        request,
        form=form,
        dialog=dialog,
        work=partial(
            work,
            pk=form.row.pk,
            reason=form.cleaned_data["reason"],
            actor=operator(request),
            wall=clock.wall(),
        ),
        done=lambda _result: f"{form.row.email} {words}",
        then=page_of(form.row),
    )


@admin.register(OperatorToken)
class OperatorTokenAdmin(PageAdmin):
    project_path = None
    list_display = ["prefix", "user", "created_at", "expires_at", "revoked_at", "last_used_at"]
    list_select_related = ["user"]
    search_fields = ["prefix__startswith", "user__email__startswith"]
    search_help_text = "The beginning of a prefix or an e-mail address"

    def page(self, request: HttpRequest, row: OperatorToken) -> Page:
        return Page(
            facts=[
                Fact("Prefix", code(row.prefix)),
                Fact("Operator", row.user.email),
                Fact("Made", instant(row.created_at)),
                Fact("Expires", instant(row.expires_at)),
                Fact("Revoked", instant(row.revoked_at)),
                Fact("Last used", instant(row.last_used_at) or "never"),
            ]
        )
