"""Who belongs to the project: members and invites."""

from functools import partial

from django import forms
from django.contrib import admin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from unfold.dataclasses import ActionDialog
from unfold.decorators import action
from unfold.widgets import (
    UnfoldAdminEmailInputWidget,
    UnfoldAdminSelectWidget,
)

from neruba import clock
from neruba.admin.dialogs import ReasonForm, RowForm, act, operator, refuse
from neruba.admin.page import (
    Fact,
    Page,
    PageAdmin,
    code,
    instant,
    label,
    link_to,
    list_address,
    list_of,
    page_of,
)
from neruba.admin.place import acting_role
from neruba.edge import run_atomic
from neruba.errors import NerubaError
from neruba.models import AuditRecord, Invite, Membership
from neruba.models.membership import ROLE_CHOICES
from neruba.roles import ROLES, Role
from neruba.services import memberships
from neruba.services.invites import invite, revoke_invite, stands
from neruba.services.memberships import remove_member

INVITE_STATES = {"waits": "info", "taken": "success", "revoked": "error", "expired": "warning"}


def role_field() -> forms.ChoiceField:
    # None is chosen beforehand: the first would be the owner.
    choices = [("", "choose a role")]
    choices += [(role, f"{role}: {ROLES[Role(role)].words}") for role, _ in ROLE_CHOICES]
    return forms.ChoiceField(choices=choices, widget=UnfoldAdminSelectWidget())


class RoleForm(RowForm[Membership]):
    rows = Membership.objects.select_related("project", "user")
    role = role_field()

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.fields["role"].initial = self.row.role


class RemoveForm(RowForm[Membership]):
    rows = Membership.objects.select_related("project", "user")


class InviteForm(ReasonForm):
    email = forms.EmailField(label="E-mail", widget=UnfoldAdminEmailInputWidget())
    role = role_field()


class RevokeForm(RowForm[Invite]):
    rows = Invite.objects.select_related("project")


CHANGE: ActionDialog = {
    "title": "Change the role",
    "description": "Holds from the next click, and the next request with a token.",
    "form_class": RoleForm,
    "form_submit_text": "Change",
}
REMOVE: ActionDialog = {
    "title": "Remove this member",
    "description": (
        "They see nothing of the project from the next click on. What they did stays in the audit "
        "history. Keys that they issued go on working: revoke those that they may know."
    ),
    "form_class": RemoveForm,
    "form_submit_text": "Remove",
}
INVITE: ActionDialog = {
    "title": "Invite to this project",
    "description": (
        "Makes a link that is shown once, works once, and expires in seven days. Send it to the "
        "person yourself: whoever has it can take it."
    ),
    "form_class": InviteForm,
    "form_submit_text": "Make the link",
}
REVOKE: ActionDialog = {
    "title": "Revoke this invite",
    "description": "Its link is refused from now on.",
    "form_class": RevokeForm,
    "form_submit_text": "Revoke",
}


@admin.register(Membership)
class MembershipAdmin(PageAdmin):
    list_display = ["email", "role", "may", "created_at", "last_login"]
    list_filter = ["role"]
    list_select_related = ["user", "project"]
    search_fields = ["user__email__startswith"]
    search_help_text = "The beginning of an e-mail address"
    actions_detail = ["change_role", "remove"]

    @admin.display(description="Operator", ordering="user__email")
    def email(self, member: Membership) -> str:
        return member.user.email

    @admin.display(description="May do")
    def may(self, member: Membership) -> str:
        return ROLES[Role(member.role)].words

    @admin.display(description="Last login")
    def last_login(self, member: Membership) -> str:
        return instant(member.user.last_login) or "never"

    @action(
        description="Change the role",
        permissions=["neruba.change_membership"],
        icon="manage_accounts",
        dialog=CHANGE,
    )
    def change_role(self, request: HttpRequest, form: RoleForm, object_id: str) -> HttpResponse:
        work = partial(
            memberships.change_role,
            project=form.project,
            email=form.row.user.email,
            role=Role(form.cleaned_data["role"]),
            by=acting_role(request),
            actor=operator(request),
            at=clock.now(form.project),
            wall=clock.wall(),
            reason=form.cleaned_data["reason"],
        )
        return act(
            request,
            form=form,
            dialog=CHANGE,
            work=work,
            done=lambda member: f"{member.user.email} is {member.role} now.",
            then=page_of(form.row),
        )

    @action(
        description="Remove",
        permissions=["neruba.delete_membership"],
        icon="person_remove",
        dialog=REMOVE,
    )
    def remove(self, request: HttpRequest, form: RemoveForm, object_id: str) -> HttpResponse:
        work = partial(
            remove_member,
            project=form.project,
            email=form.row.user.email,
            by=acting_role(request),
            actor=operator(request),
            at=clock.now(form.project),
            wall=clock.wall(),
            reason=form.cleaned_data["reason"],
        )
        return act(
            request,
            form=form,
            dialog=REMOVE,
            work=work,
            done=lambda _none: f"{form.row.user.email} is no member any more.",
            then=list_address(Membership),
        )

    def page(self, request: HttpRequest, row: Membership) -> Page:
        did = list_of(AuditRecord, "in the audit history", q=row.user.email)
        return Page(
            facts=[
                Fact("Operator", row.user.email),
                Fact("Role", row.role),
                Fact("May", ROLES[Role(row.role)].words),
                Fact("Project", link_to(row.project)),
                Fact("Member since", instant(row.created_at)),
                Fact("Last login", instant(row.user.last_login) or "never"),
                Fact("What they did", did),
            ],
        )


def state_of(row: Invite) -> str:
    if row.accepted_at is not None:
        return "taken"
    if row.revoked_at is not None:
        return "revoked"
    return "waits" if stands(row, clock.wall()) else "expired"


@admin.register(Invite)
class InviteAdmin(PageAdmin):
    list_display = ["email", "role", "state", "invited_by", "created_at", "expires_at"]
    list_filter = ["role"]
    list_select_related = ["project"]
    ordering = ["-id"]
    search_fields = ["email__startswith"]
    search_help_text = "The beginning of an e-mail address"
    actions_list = ["invite"]
    actions_detail = ["revoke"]

    @admin.display(description="State")
    def state(self, row: Invite) -> str:
        state = state_of(row)
        return label(state, INVITE_STATES[state])

    @action(
        description="Invite somebody",
        permissions=["neruba.add_invite"],
        icon="person_add",
        dialog=INVITE,
    )
    def invite(self, request: HttpRequest, form: InviteForm) -> HttpResponse:
        work = partial(
            invite,
            project=form.project,
            email=form.cleaned_data["email"],
            role=Role(form.cleaned_data["role"]),
            by=acting_role(request),
            actor=operator(request),
            at=clock.now(form.project),
            wall=clock.wall(),
            reason=form.cleaned_data["reason"],
        )
        try:
            issued = run_atomic(work)
        except NerubaError as error:
            return refuse(request, form=form, dialog=INVITE, error=error)
        link = request.build_absolute_uri(f"/invite/{issued.token}")
        # In the answer itself, not in a message: messages are stored until they are shown.
        context = {"issued": issued, "link": link, "address": page_of(issued.invite)}
        answer = render(request, "neruba/issued_invite.html", context)
        answer["HX-Retarget"] = answer["HX-Reselect"] = "#dialog"
        answer["HX-Reswap"] = "outerHTML"
        return answer

    @action(
        description="Revoke",
        permissions=["neruba.change_invite"],
        icon="block",
        dialog=REVOKE,
    )
    def revoke(self, request: HttpRequest, form: RevokeForm, object_id: str) -> HttpResponse:
        work = partial(
            revoke_invite,
            project=form.project,
            public_id=form.row.public_id,
            by=acting_role(request),
            actor=operator(request),
            at=clock.now(form.project),
            wall=clock.wall(),
            reason=form.cleaned_data["reason"],
        )
        return act(
            request,
            form=form,
            dialog=REVOKE,
            work=work,
            done=lambda row: f"The invite of {row.email} is revoked.",
            then=page_of(form.row),
        )

    def page(self, request: HttpRequest, row: Invite) -> Page:
        return Page(
            facts=[
                Fact("Invited", row.email),
                Fact("As", row.role),
                Fact("State", self.state(row)),
                Fact("By", row.invited_by),
                Fact("Project", link_to(row.project)),
                Fact("Made", instant(row.created_at)),
                Fact("Expires", instant(row.expires_at)),
                Fact("Taken", instant(row.accepted_at)),
                Fact("Revoked", instant(row.revoked_at)),
                Fact("Id", code(row.public_id)),
            ]
        )
