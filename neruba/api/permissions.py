"""Scopes of API keys, and of operators by their role; what is for operators alone."""

from typing import Any

from rest_framework.exceptions import PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from neruba.api.authentication import PROJECT_HEADER, OperatorPass
from neruba.errors import InvalidError
from neruba.models import ApiKey


class HasScope(BasePermission):
    """The view names the scope of each method; a view that names none is refused for everyone."""

    def has_permission(self, request: Request, view: Any) -> bool:
        method = "GET" if request.method == "HEAD" else request.method or ""
        scope = view.scopes.get(method)
        auth = request.auth
        if not isinstance(auth, ApiKey | OperatorPass):
            return False
        if scope is None:
            # A method that the view does not have is a 405; one that it forgot to name is refused.
            return not hasattr(view, method.lower())
        if auth.project is None:
            raise InvalidError(f"Name the project in the header {PROJECT_HEADER}.")
        if auth.allows([scope]):
            return True
        holder = "API key" if isinstance(auth, ApiKey) else f"role {auth.role}"
        raise PermissionDenied(f"The {holder} lacks the scope {scope}.", "missing_scope")


class IsOperator(BasePermission):
    """An operator's token; an API key belongs to one project and is nobody in particular."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if isinstance(request.auth, ApiKey):
            raise PermissionDenied(
                "This is for operators: send a token of POST /api/v1/auth/token.", "operators_only"
            )
        return isinstance(request.auth, OperatorPass)
