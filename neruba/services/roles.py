"""Roles as Django's groups: one each, with exactly the permissions of `neruba.roles`."""

from django.contrib.auth.models import Group, Permission
from django.db import connections

from neruba.roles import ROLES, Role, granted


def seed_roles(using: str) -> None:
    """Make the groups what the table of roles says. After every `migrate`, when all permissions are
    there; a flush takes them away with everything else, so that a migration could not seed them.
    """
    if Group._meta.db_table not in connections[using].introspection.table_names():
        return  # a partial `migrate` has not made it yet
    known = {
        f"{app}.{code}": pk
        for pk, app, code in Permission.objects.using(using).values_list(
            "pk", "content_type__app_label", "codename"
        )
    }
    for role in ROLES:
        group, _ = Group.objects.using(using).get_or_create(name=role.value)
        group.permissions.set([known[name] for name in granted(role, known)])


def permissions_of(role: Role) -> set[str]:
    """What operators of the role may do in their project, as `app.code`."""
    rows = Permission.objects.filter(group__name=role.value)
    pairs = rows.values_list("content_type__app_label", "codename").order_by()
    return {f"{app}.{code}" for app, code in pairs}
