"""API keys: issued, rotated with an overlap, revoked."""

from datetime import timedelta

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from neruba import clock
from neruba.api.base import ListQuery
from neruba.api.fields import Duration, Instant, Strict, Text
from neruba.api.views import ProjectView
from neruba.errors import NotFoundError
from neruba.models import ApiKey
from neruba.models.access import SCOPES
from neruba.services.api_keys import issue_api_key, revoke_api_key, rotate_api_key

OVERLAP = timedelta(hours=24)
NO_KEY = "There is no such API key in this project."


class ApiKeyBody(serializers.Serializer[ApiKey]):
    prefix = serializers.CharField()
    name = serializers.CharField()
    scopes = serializers.ListField(child=serializers.CharField())
    created_at = Instant()
    expires_at = Instant(allow_null=True)
    revoked_at = Instant(allow_null=True)
    last_used_at = Instant(allow_null=True)


class IssuedApiKeyBody(ApiKeyBody):
    secret = serializers.CharField(
        allow_null=True, help_text="Shown this once; null where a repeat is answered."
    )


class ApiKeyRequest(Strict):
    name = Text(max_length=200)
    scopes = serializers.ListField(
        child=serializers.ChoiceField(choices=sorted(SCOPES)), allow_empty=False
    )
    expires_at = Instant(required=False, allow_null=True, default=None)


class ApiKeyList(ProjectView):
    scopes = {"GET": "admin", "POST": "admin"}
    shown_once = frozenset({"secret"})

    @extend_schema(
        parameters=[ListQuery], responses=ApiKeyBody(many=True), operation_id="api_keys_list"
    )
    def get(self, request: Request, slug: str) -> Response:
        self.query(ListQuery)
        rows = ApiKey.objects.filter(project=self.project)
        return self.listed(rows, ApiKeyBody)

    @extend_schema(request=ApiKeyRequest, responses={201: IssuedApiKeyBody})
    def post(self, request: Request, slug: str) -> Response:
        given = self.body(ApiKeyRequest)
        issued = issue_api_key(
            project=self.project,
            actor=self.actor,
            at=clock.now(self.project),
            wall=clock.wall(),
            **given,
        )
        return Response({**ApiKeyBody(issued.key).data, "secret": issued.secret}, status=201)


class RotationRequest(Strict):
    overlap = Duration(
        required=False,
        help_text="How long the old key goes on beside the new one, PT0S to P30D; PT24H unless "
        "given.",
    )
    reason = Text(required=False, default="", allow_blank=True, max_length=1000)


class ApiKeyRotation(ProjectView):
    scopes = {"POST": "admin"}
    shown_once = frozenset({"secret"})

    @extend_schema(request=RotationRequest, responses={201: IssuedApiKeyBody})
    def post(self, request: Request, slug: str, prefix: str) -> Response:
        """A new key of the same name, scopes and expiry in place of this one, which ends after the
        overlap.
        """
        given = self.body(RotationRequest)
        issued = rotate_api_key(
            project=self.project,
            prefix=prefix,
            overlap=given.get("overlap", OVERLAP),
            reason=given["reason"],
            actor=self.actor,
            at=clock.now(self.project),
            wall=clock.wall(),
        )
        if issued is None:
            raise NotFoundError(NO_KEY)
        return Response({**ApiKeyBody(issued.key).data, "secret": issued.secret}, status=201)


class RevokeQuery(Strict):
    reason = Text(required=False, default="", allow_blank=True)


class ApiKeyDetail(ProjectView):
    scopes = {"DELETE": "admin"}

    @extend_schema(parameters=[RevokeQuery], responses={200: ApiKeyBody})
    def delete(self, request: Request, slug: str, prefix: str) -> Response:
        key = revoke_api_key(
            project=self.project,
            prefix=prefix,
            reason=self.query(RevokeQuery)["reason"],
            actor=self.actor,
            at=clock.now(self.project),
            wall=clock.wall(),
        )
        if key is None:
            raise NotFoundError(NO_KEY)
        return Response(ApiKeyBody(key).data)
