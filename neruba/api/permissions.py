"""Scopes of API keys."""

from typing import Any

from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from neruba.models import ApiKey


class HasScope(BasePermission):
    """The view names the scope of each method; a view that names none is refused for everyone."""

    def has_permission(self, request: Request, view: Any) -> bool:
        method = "GET" if request.method == "HEAD" else request.method or ""
        scope = view.scopes.get(method)
        if not isinstance(request.auth, ApiKey):
            return False
        if scope is None:
            # A method that the view does not have is a 405; one that it forgot to name is refused.
            return not hasattr(view, method.lower())
        if request.auth.allows([scope]):
            return True
        raise PermissionDenied(f"The API key lacks the scope {scope}.", "missing_scope")
