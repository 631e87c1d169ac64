"""Members of a project and invites to it."""

from functools import partial
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from neruba import clock
from neruba.actor import Actor
from neruba.api.base import ListQuery, OperatorView
from neruba.api.fields import Identifier, Instant, Strict, Text
from neruba.api.views import ProjectView
from neruba.edge import run_atomic
from neruba.errors import NotFoundError
from neruba.logins import prove
from neruba.models import Invite, Membership, User
from neruba.models.membership import ROLE_CHOICES
from neruba.origin import origin_of
from neruba.roles import Role
from neruba.services.invites import (
    NOT_VALID,
    accept_invite,
    invite,
    revoke_invite,
    standing_invite,
)
from neruba.services.memberships import change_role, remove_member

MAX_REASON = 1000


class MemberBody(serializers.Serializer[Membership]):
    email = serializers.CharField(source="user.email")
    name = serializers.CharField(source="user.get_full_name")
    role = serializers.ChoiceField(choices=ROLE_CHOICES)
    created_at = Instant()


class MemberPatch(Strict):
    role = serializers.ChoiceField(choices=ROLE_CHOICES)
    reason = Text(max_length=MAX_REASON)


class ReasonQuery(Strict):
    reason = Text(max_length=MAX_REASON)


class MemberList(ProjectView):
    scopes = {"GET": "admin"}

    @extend_schema(
        parameters=[ListQuery], responses=MemberBody(many=True), operation_id="members_list"
    )
    def get(self, request: Request, slug: str) -> Response:
        self.query(ListQuery)
        rows = Membership.objects.filter(project=self.project)
        return self.listed(rows.select_related("user"), MemberBody)


class MemberDetail(ProjectView):
    scopes = {"PATCH": "admin", "DELETE": "admin"}

    @extend_schema(request=MemberPatch, responses=MemberBody)
    def patch(self, request: Request, slug: str, email: str) -> Response:
        """Another role. What concerns owners only owners decide; API keys decide as admins."""
        given = self.body(MemberPatch)
        member = change_role(
            project=self.project,
            email=email,
            role=Role(given["role"]),
            by=self.role,
            actor=self.actor,
            at=clock.now(self.project),
            wall=clock.wall(),
            reason=given["reason"],
        )
        return Response(MemberBody(member).data)

    @extend_schema(parameters=[ReasonQuery], responses={204: None})
    def delete(self, request: Request, slug: str, email: str) -> Response:
        """Ends the membership: from the next request on the operator sees nothing of the project,
        and the invites that they made are revoked.
        """
        remove_member(
            project=self.project,
            email=email,
            by=self.role,
            actor=self.actor,
            at=clock.now(self.project),
            wall=clock.wall(),
            reason=self.query(ReasonQuery)["reason"],
        )
        return Response(status=204)


class InviteBody(serializers.Serializer[Invite]):
    id = serializers.CharField(source="public_id")
    email = serializers.CharField()
    role = serializers.ChoiceField(choices=ROLE_CHOICES)
    invited_by = serializers.CharField()
    created_at = Instant()
    expires_at = Instant()
    accepted_at = Instant(allow_null=True)
    revoked_at = Instant(allow_null=True)


class IssuedInviteBody(InviteBody):
    token = serializers.CharField(
        allow_null=True,
        help_text="The end of the link `/invite/<token>`. Shown this once; null where a repeat is "
        "answered.",
    )


class InviteRequest(Strict):
    email = Text(max_length=254)
    role = serializers.ChoiceField(choices=ROLE_CHOICES)
    reason = Text(required=False, default="", allow_blank=True, max_length=MAX_REASON)


class InviteList(ProjectView):
    scopes = {"GET": "admin", "POST": "admin"}
    shown_once = frozenset({"token"})

    @extend_schema(
        parameters=[ListQuery], responses=InviteBody(many=True), operation_id="invites_list"
    )
    def get(self, request: Request, slug: str) -> Response:
        self.query(ListQuery)
        return self.listed(Invite.objects.filter(project=self.project), InviteBody)

    @extend_schema(request=InviteRequest, responses={201: IssuedInviteBody})
    def post(self, request: Request, slug: str) -> Response:
        """Offers a role to an address for seven days; an earlier offer to it is revoked."""
        given = self.body(InviteRequest)
        issued = invite(
            project=self.project,
            email=given["email"],
            role=Role(given["role"]),
            by=self.role,
            actor=self.actor,
            at=clock.now(self.project),
            wall=clock.wall(),
            reason=given["reason"],
        )
        return Response({**InviteBody(issued.invite).data, "token": issued.token}, status=201)


class InviteRevokeQuery(Strict):
    reason = Text(required=False, default="", allow_blank=True, max_length=MAX_REASON)


class InviteDetail(ProjectView):
    scopes = {"DELETE": "admin"}

    @extend_schema(parameters=[InviteRevokeQuery], responses={200: InviteBody})
    def delete(self, request: Request, slug: str, public_id: str) -> Response:
        found = revoke_invite(
            project=self.project,
            public_id=public_id,
            by=self.role,
            actor=self.actor,
            at=clock.now(self.project),
            wall=clock.wall(),
            reason=self.query(InviteRevokeQuery)["reason"],
        )
        return Response(InviteBody(found).data)


class AcceptRequest(Strict):
    token = Identifier()
    name = Text(required=False, default="", allow_blank=True, max_length=150)
    password = Text(
        required=False,
        allow_null=True,
        default=None,
        max_length=4096,
        trim_whitespace=False,
        help_text="A new operator chooses it; one who is known gives theirs, which stays.",
    )


class NewMemberBody(serializers.Serializer[Any]):
    email = serializers.CharField()
    project = serializers.CharField()
    role = serializers.ChoiceField(choices=ROLE_CHOICES)


class InviteAcceptance(OperatorView):
    public = frozenset({"POST"})

    @extend_schema(request=AcceptRequest, responses={201: NewMemberBody})
    def post(self, request: Request, slug: str) -> Response:
        """Takes an invite; its token is the credential, and works once, so that no
        `Idempotency-Key` is read.
        """
        given = self.body(AcceptRequest)
        proven = self._proven(given)
        member = run_atomic(partial(self._accepted, slug, given, proven))
        body = {"email": member.user.email, "project": slug, "role": member.role}
        return Response(body, status=201)

    def _proven(self, given: dict[str, Any]) -> User | None:
        """A known operator whose password it is; asked outside of the transaction, which would undo
        the count of failures.
        """
        email = standing_invite(given["token"], wall=clock.wall()).email
        if not given["password"] or not User.objects.filter(email=email).exists():
            return None
        return prove(self.request._request, email, given["password"])

    def _accepted(self, slug: str, given: dict[str, Any], proven: User | None) -> Membership:
        wall = clock.wall()
        project = standing_invite(given["token"], wall=wall).project
        if project.slug != slug:
            raise NotFoundError(NOT_VALID)
        return accept_invite(
            proven=proven,
            origin=Actor("operator", "", *origin_of(self.request._request)),
            at=clock.now(project),
            wall=wall,
            **given,
        )
