"""Who may do what: each role with its rights, and who has it here. Django's groups carry them."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.models import Group
from django.db.models import Model
from django.http import HttpRequest

from neruba.admin.page import Fact, Page, PageAdmin, Table, code, instant, label, list_of
from neruba.admin.place import project_of
from neruba.models import Membership
from neruba.models.access import SCOPES
from neruba.roles import ROLES, Role
from neruba.services.roles import permissions_of

MEMBERS_SHOWN = 200

admin.site.unregister(Group)


@admin.register(Group)
class RoleAdmin(PageAdmin):
    """Read-only for everyone: the table is in `neruba.roles`."""

    project_path = None
    list_display = ["name", "may", "limit", "scopes", "members"]
    list_display_links = ["name"]
    search_fields = ["name"]

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        # No secret: every member should know what they and the others may do.
        return project_of(request) is not None or super().has_view_permission(request, obj)

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    @admin.display(description="May do")
    def may(self, group: Group) -> str:
        return ROLES[Role(group.name)].words

    @admin.display(description="May give away in one act")
    def limit(self, group: Group) -> str:
        return limit_in_words(Role(group.name))

    @admin.display(description="Scopes of the API")
    def scopes(self, group: Group) -> str:
        return ", ".join(sorted(ROLES[Role(group.name)].scopes))

    @admin.display(description="Members here")
    def members(self, group: Group) -> str:
        return list_of(Membership, "show them", role__exact=group.name)

    def page(self, request: HttpRequest, row: Group) -> Page:
        role = Role(row.name)
        here = Membership.objects.filter(project=project_of(request), role=role)
        members = here.select_related("user").order_by("user__email")[:MEMBERS_SHOWN]
        held = ROLES[role].scopes
        return Page(
            facts=[
                Fact("Role", role),
                Fact("May", ROLES[role].words),
                Fact("May give away in one act", limit_in_words(role)),
            ],
            tables=[
                Table(
                    title="Who has it in this project",
                    columns=("Operator", "Since"),
                    rows=[(one.user.email, instant(one.created_at)) for one in members],
                    empty="Nobody.",
                ),
                Table(
                    title="Through the API",
                    columns=("Scope", "For", "Has it"),
                    rows=[
                        (code(scope), words, _yes_or_no(held & {scope, "admin"}))
                        for scope, words in SCOPES.items()
                    ],
                    empty="",
                ),
                _console_table(role),
            ],
        )


def limit_in_words(role: Role) -> str:
    """Above it a second person approves; major units of any currency."""
    limit = ROLES[role].limit
    if limit is None:
        return "any amount"
    return f"up to {limit:,}, above it another one approves" if limit else "nothing"


def _yes_or_no(held: object) -> str:
    return label("yes", "success") if held else label("no", "plain")


def _console_table(role: Role) -> Table:
    """What of the console it sees, and the acts that it may do there, from what is registered."""
    mine = permissions_of(role)
    rows = []
    registered: list[tuple[type[Model], Any]] = list(admin.site._registry.items())  # noqa: SLF001
    for model, model_admin in sorted(registered, key=lambda one: one[0]._meta.label):
        meta = model._meta
        if f"{meta.app_label}.view_{meta.model_name}" in mine:
            acts = [
                str(each.description or each.action_name)
                for each in (
                    *model_admin._get_base_actions_list(),  # noqa: SLF001
                    *model_admin._get_base_actions_detail(),  # noqa: SLF001
                )
                if set(each.method.allowed_permissions) <= mine
            ]
            rows.append((str(meta.verbose_name_plural).capitalize(), ", ".join(acts) or "–"))
    return Table(
        title="In the console",
        columns=("Sees", "May do there"),
        rows=rows,
        empty="Nothing.",
    )
