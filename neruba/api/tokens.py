"""Logging in for the API: an operator's password for a bearer token of twelve hours."""

from functools import partial
from typing import Any

from django.contrib.auth import authenticate
from django.contrib.auth.signals import user_logged_in
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework.response import Response

from neruba import clock
from neruba.actor import Actor
from neruba.api.base import OperatorView
from neruba.api.fields import Instant, Strict, Text
from neruba.edge import run_atomic
from neruba.models import User
from neruba.origin import origin_of
from neruba.services.operator_tokens import (
    IssuedToken,
    issue_operator_token,
    revoke_operator_token,
)


class TokenRequest(Strict):
    email = Text(max_length=254)
    password = Text(max_length=4096, trim_whitespace=False)


class TokenBody(serializers.Serializer[Any]):
    token = serializers.CharField(help_text="Shown this once.")
    expires_at = Instant()


class TokenView(OperatorView):
    public = frozenset({"POST"})

    @extend_schema(request=TokenRequest, responses={201: TokenBody}, operation_id="token_issue")
    def post(self, request: Request) -> Response:
        """Each login makes a token of its own; an `Idempotency-Key` means nothing here, and nothing
        of the answer is kept.
        """
        given = self.body(TokenRequest)
        email = given["email"].strip().lower()
        # Django's own request: what counts failed logins looks into it.
        user = authenticate(request._request, username=email, password=given["password"])
        if not isinstance(user, User):
            raise AuthenticationFailed("The address or the password is wrong.", "bad_credential")
        issued = run_atomic(partial(self._logged_in, user))
        body = {"token": issued.secret, "expires_at": issued.token.expires_at}
        return Response(TokenBody(body).data, status=201)

    def _logged_in(self, user: User) -> IssuedToken:
        request = self.request._request
        # A login like one of the console's: noted as such, and failures before it are forgiven.
        user_logged_in.send(sender=User, request=request, user=user)
        actor = Actor("operator", user.email, *origin_of(request))
        return issue_operator_token(user=user, actor=actor, wall=clock.wall())

    @extend_schema(responses={204: None}, operation_id="token_revoke")
    def delete(self, request: Request) -> Response:
        """Ends the token that is sent, at once."""
        run_atomic(
            partial(
                revoke_operator_token,
                token=self.operator.token,
                actor=self.actor,
                wall=clock.wall(),
            )
        )
        return Response(status=204)
