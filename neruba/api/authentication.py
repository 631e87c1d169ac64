"""Who calls, by `Authorization: Bearer …`: a service's key (`nrb_`), which names its project, or an
operator's token (`nro_`), beside the header `Neruba-Project` or with the project in the address.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed, NotFound
from rest_framework.request import Request

from neruba import clock
from neruba.actor import Actor
from neruba.models import ApiKey, Membership, OperatorToken, Project
from neruba.origin import origin_of
from neruba.roles import ROLES, Role
from neruba.services import operator_tokens
from neruba.services.api_keys import key_of_secret, note_use

PROJECT_HEADER = "Neruba-Project"
NO_PROJECT = "There is no such project."


@dataclass(frozen=True, slots=True)
class OperatorPass:
    """An operator in the project that the request names, or in none."""

    token: OperatorToken
    member: Membership | None

    @property
    def project(self) -> Project | None:
        return None if self.member is None else self.member.project

    @property
    def role(self) -> Role | None:
        return None if self.member is None else Role(self.member.role)

    def allows(self, scopes: Iterable[str]) -> bool:
        """Whether the role has one of `scopes`; `admin` includes all."""
        mine = ROLES[self.role].scopes if self.role else frozenset()
        return "admin" in mine or any(scope in mine for scope in scopes)


class BearerAuthentication(BaseAuthentication):
    """Sets `request.auth` to the API key or the operator's pass, `request.user` to its actor."""

    def authenticate(self, request: Request) -> tuple[Actor, ApiKey | OperatorPass] | None:
        words = get_authorization_header(request).split()
        if not words or words[0].lower() != b"bearer":
            return None
        try:
            _, raw = words
        except ValueError:
            raise AuthenticationFailed(
                "Expected: Authorization: Bearer <API key or token>.", "bad_credential"
            ) from None
        secret = raw.decode("latin-1")
        found = self._key(request, secret) or self._operator(request, secret)
        if found is None:
            raise AuthenticationFailed(
                "The API key or token is unknown, expired or revoked.", "bad_credential"
            )
        return found

    def _key(self, request: Request, secret: str) -> tuple[Actor, ApiKey] | None:
        now = clock.wall()
        key = key_of_secret(secret, now)
        if key is None:
            return None
        note_use(key, now)
        if _named(request) - {key.project.slug}:
            raise NotFound(NO_PROJECT, "not_found")
        return Actor("api_key", f"{key.name} ({key.prefix})", *origin_of(request._request)), key

    def _operator(self, request: Request, secret: str) -> tuple[Actor, OperatorPass] | None:
        now = clock.wall()
        token = operator_tokens.token_of_secret(secret, now)
        if token is None:
            return None
        operator_tokens.note_use(token, now)
        named = _named(request)
        rows = Membership.objects.select_related("project", "user")
        mine = rows.filter(user=token.user, project__slug=min(named, default=""))
        member = mine.first() if len(named) == 1 else None
        if named and member is None:
            # Neither a project that is not there nor one of others exists for them.
            raise NotFound(NO_PROJECT, "not_found")
        actor = Actor("operator", token.user.email, *origin_of(request._request))
        return actor, OperatorPass(token, member)

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"


def _named(request: Request) -> set[str]:
    """The projects that the header and the address name: one at most, unless they contradict."""
    context: Any = request.parser_context
    given = request.headers.get(PROJECT_HEADER), context["kwargs"].get("slug")
    return {slug for slug in given if slug}
