"""What an operator may do: what their role in the project where they stand allows, and no more."""

from typing import Any

from django.contrib.auth.backends import BaseBackend
from django.contrib.auth.models import AnonymousUser

from neruba.models import User


class RoleBackend(BaseBackend):
    """The permissions of the membership that the console found for this request (`user.place`)."""

    def get_all_permissions(self, user_obj: User | AnonymousUser, obj: Any = None) -> set[str]:
        place: Any = getattr(user_obj, "place", None)
        if place is None or not user_obj.is_active:
            return set()
        found: set[str] = place.permissions
        return found

    def has_perm(self, user_obj: User | AnonymousUser, perm: str, obj: Any = None) -> bool:
        return perm in self.get_all_permissions(user_obj)

    def has_module_perms(self, user_obj: User | AnonymousUser, app_label: str) -> bool:
        return any(name.startswith(f"{app_label}.") for name in self.get_all_permissions(user_obj))
