"""Projects, and a sandbox's clock."""

from functools import partial
from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response

from neruba import clock, due
from neruba.api.base import ListQuery, OperatorView
from neruba.api.fields import Currency, Identifier, Instant, Strict, Text, Timezone
from neruba.api.views import ProjectView, inline_time
from neruba.edge import run_atomic
from neruba.errors import ConflictError
from neruba.models import Membership, Project
from neruba.models.membership import ROLE_CHOICES
from neruba.roles import Role
from neruba.services.memberships import add_member
from neruba.services.projects import create_project, stands_as, update_project


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


class OwnProjectBody(ProjectBody):
    """A project, and as what the operator is a member of it."""

    role = serializers.SerializerMethodField()

    @extend_schema_field(serializers.ChoiceField(choices=ROLE_CHOICES))
    def get_role(self, project: Project) -> str:
        role: str = self.context["role"]
        return role


def own_projects(members: list[Membership]) -> list[dict[str, Any]]:
    return [
        dict(OwnProjectBody(member.project, context={"role": member.role}).data)
        for member in members
    ]


class ProjectRequest(Strict):
    slug = Identifier(max_length=63)
    name = Text(max_length=200, required=False, help_text="The slug unless given.")
    currency = Currency()
    timezone = Timezone(required=False, default="UTC")
    mode = serializers.ChoiceField(
        choices=Project.Mode.choices, required=False, default=Project.Mode.LIVE
    )
    clock = Instant(
        required=False,
        allow_null=True,
        default=None,
        help_text="Where a sandbox's clock starts; now unless given.",
    )
    settings = serializers.DictField(required=False, default=dict)


class ProjectList(OperatorView):
    """The operator's projects. `Idempotency-Key` means nothing here: the slug is the key."""

    @extend_schema(
        parameters=[ListQuery],
        responses=OwnProjectBody(many=True),
        operation_id="projects_list",
    )
    def get(self, request: Request) -> Response:
        """Those that the operator is a member of, with the role."""
        self.query(ListQuery)
        rows = Membership.objects.filter(user=self.operator.token.user)
        return self.listed(rows.select_related("project"), own_projects)

    @extend_schema(
        request=ProjectRequest,
        responses={200: OwnProjectBody, 201: OwnProjectBody},
        operation_id="projects_create",
    )
    def post(self, request: Request) -> Response:
        """For superusers, who become its owner. 200: their project stands just so already; the slug
        is what makes a repeat harmless, not an `Idempotency-Key`.
        """
        if not self.operator.token.user.is_superuser:
            raise PermissionDenied("Only superusers make projects.", "superusers_only")
        given = self.body(ProjectRequest)
        given["clock_at"] = given.pop("clock")
        given.setdefault("name", given["slug"])
        member, is_new = run_atomic(partial(self._made_or_found, given))
        return Response(own_projects([member])[0], status=201 if is_new else 200)

    def _made_or_found(self, given: dict[str, Any]) -> tuple[Membership, bool]:
        user, wall = self.operator.token.user, clock.wall()
        mine = Membership.objects.select_related("project").filter(user=user)
        known = mine.filter(project__slug=given["slug"]).first()
        if known is not None and stands_as(known.project, **given):
            return known, False
        project = create_project(actor=self.actor, wall=wall, **given)
        member = add_member(
            project=project,
            user=user,
            role=Role.OWNER,
            actor=self.actor,
            at=clock.now(project),
            wall=wall,
        )
        return member, True


class ProjectPatch(Strict):
    name = Text(max_length=200, required=False)
    settings = serializers.DictField(required=False)


class ProjectDetail(ProjectView):
    scopes = {"GET": "billing:read", "PATCH": "admin"}

    @extend_schema(responses=ProjectBody)
    def get(self, request: Request, slug: str) -> Response:
        return Response(ProjectBody(self.project).data)

    @extend_schema(request=ProjectPatch, responses=ProjectBody)
    def patch(self, request: Request, slug: str) -> Response:
        given = self.body(ProjectPatch)
        project = update_project(
            project=self.project,
            name=given.get("name"),
            settings=given.get("settings"),
            actor=self.actor,
            at=clock.now(self.project),
        )
        return Response(ProjectBody(project).data)


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
