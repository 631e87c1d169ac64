"""Scopes of API keys."""

from typing import Any

from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from neruba.models import ApiKey


class HasScope(BasePermission):
    """The view names the scope of each method; a view that names none is refused for everyone."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not isinstance(request.auth, ApiKey):
            return False
        scope = view.scopes.get(request.method)
        if scope is None or request.auth.allows([scope]):
            return True  # a method without a scope is one the view does not have: 405, not 403
        raise PermissionDenied(f"The API key lacks the scope {scope}.", "missing_scope")
