"""Projects, their API keys, and a sandbox's clock."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from neruba import clock, due
from neruba.api.fields import Instant, Strict, Text
from neruba.api.views import ListQuery, ProjectView, inline_time
from neruba.errors import ConflictError, NotFoundError
from neruba.models import ApiKey, Project
from neruba.models.access import SCOPES
from neruba.services.api_keys import issue_api_key, revoke_api_key
from neruba.services.projects import update_project


def _check_slug(project: Project, slug: str) -> None:
    if slug != project.slug:
        raise NotFoundError("There is no such project.")


class ProjectBody(serializers.Serializer[Project]):
    slug = serializers.CharField()
    name = serializers.CharField()
    currency = serializers.CharField()
    timezone = serializers.CharField()
    mode = serializers.ChoiceField(choices=Project.Mode.choices)
    clock = Instant(source="clock_at", allow_null=True)
    settings = serializers.SerializerMethodField()

    def get_settings(self, project: Project) -> dict[str, Any]:
        policy = project.policy
        return {name: getattr(policy, name) for name in policy.__dataclass_fields__}


class ProjectPatch(Strict):
    name = Text(max_length=200, required=False)
    settings = serializers.DictField(required=False)


class ProjectDetail(ProjectView):
    scopes = {"GET": "billing:read", "PATCH": "admin"}

    @extend_schema(responses=ProjectBody)
    def get(self, request: Request, slug: str) -> Response:
        _check_slug(self.project, slug)
        return Response(ProjectBody(self.project).data)

    @extend_schema(request=ProjectPatch, responses=ProjectBody)
    def patch(self, request: Request, slug: str) -> Response:
        _check_slug(self.project, slug)
        given = self.body(ProjectPatch)
        project = update_project(
            project=self.project,
            name=given.get("name"),
            settings=given.get("settings"),
            actor=self.actor,
            at=clock.now(self.project),
        )
        return Response(ProjectBody(project).data)


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
        _check_slug(self.project, slug)
        rows = ApiKey.objects.filter(project=self.project)
        return self.listed(rows, ApiKeyBody)

    @extend_schema(request=ApiKeyRequest, responses={201: IssuedApiKeyBody})
    def post(self, request: Request, slug: str) -> Response:
        _check_slug(self.project, slug)
        given = self.body(ApiKeyRequest)
        issued = issue_api_key(
            project=self.project,
            actor=self.actor,
            at=clock.now(self.project),
            wall=clock.wall(),
            **given,
        )
        return Response({**ApiKeyBody(issued.key).data, "secret": issued.secret}, status=201)


class RevokeQuery(Strict):
    reason = Text(required=False, default="", allow_blank=True)


class ApiKeyDetail(ProjectView):
    scopes = {"DELETE": "admin"}

    @extend_schema(parameters=[RevokeQuery], responses=ApiKeyBody)
    def delete(self, request: Request, slug: str, prefix: str) -> Response:
        _check_slug(self.project, slug)
        key = revoke_api_key(
            project=self.project,
            prefix=prefix,
            reason=self.query(RevokeQuery)["reason"],
            actor=self.actor,
            at=clock.now(self.project),
            wall=clock.wall(),
        )
        if key is None:
            raise NotFoundError("There is no such API key in this project.")
        return Response(ApiKeyBody(key).data)


class ClockBody(serializers.Serializer[Any]):
    now = Instant()
    mode = serializers.ChoiceField(choices=Project.Mode.choices)


class ClockRequest(Strict):
    to = Instant()


class ClockView(ProjectView):
    """A sandbox's own time."""

    scopes = {"GET": "billing:read", "POST": "admin"}
    own_transactions = True

    def _answer(self, status: int) -> Response:
        body = {"now": clock.now(self.project), "mode": self.project.mode}
        return Response(ClockBody(body).data, status=status)

    @extend_schema(responses=ClockBody)
    def get(self, request: Request) -> Response:
        return self._answer(200)

    @extend_schema(request=ClockRequest, responses={200: ClockBody, 202: ClockBody})
    def post(self, request: Request) -> Response:
        """Moves the clock forward and does all that falls due on the way. 202: call
        again to go on.
        """
        to = self.body(ClockRequest)["to"]
        if self.project.clock_at is None:
            raise ConflictError("A live project runs on the real clock.")
        if to < self.project.clock_at:
            raise ConflictError("The clock moves forward only.")
        done = due.walk(self.project, to, go_on=inline_time())
        return self._answer(200 if done else 202)
