"""What waits for a second person, and their decisions."""

import json
from collections.abc import Callable
from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from neruba import clock
from neruba.api.base import ListQuery
from neruba.api.fields import Instant, Strict, Text
from neruba.api.views import ProjectView, one
from neruba.models import Approval
from neruba.selectors.approvals import STATES, in_state, state_of
from neruba.services.approvals import approve, refuse, withdraw


class ApprovalBody(serializers.Serializer[Approval]):
    id = serializers.CharField(source="public_id")
    operation = serializers.CharField()
    asked_for = serializers.SerializerMethodField()
    amount = serializers.SerializerMethodField()
    currency = serializers.CharField()
    state = serializers.SerializerMethodField()
    lapses_at = Instant(help_text="Until then it can be approved, by the project's clock.")
    asked_by = serializers.CharField()
    asked_at = Instant()
    reason = serializers.CharField()
    decided_by = serializers.CharField(help_text="Empty while it waits.")
    decided_at = Instant(allow_null=True)
    decision_reason = serializers.CharField()
    result = serializers.CharField(help_text="What was made when it was approved.")

    @extend_schema_field(serializers.ChoiceField(choices=STATES))
    def get_state(self, approval: Approval) -> str:
        return state_of(approval, clock.now(approval.project))

    def get_asked_for(self, approval: Approval) -> dict[str, Any]:
        asked: dict[str, Any] = json.loads(approval.payload)
        return asked

    def get_amount(self, approval: Approval) -> str:
        return approval.amount.amount


class ApprovalQuery(ListQuery):
    state = serializers.ChoiceField(choices=STATES, required=False)


class DecisionRequest(Strict):
    reason = Text(max_length=1000)


class ApprovalView(ProjectView):
    scopes = {"GET": "billing:read", "POST": "credits:write"}

    def row(self, public_id: str) -> Approval:
        rows = Approval.objects.filter(project=self.project).select_related("project")
        return one(rows, "approval", public_id=public_id)


class ApprovalList(ApprovalView):
    scopes = {"GET": "billing:read"}

    @extend_schema(parameters=[ApprovalQuery], responses=ApprovalBody(many=True))
    def get(self, request: Request) -> Response:
        query = self.query(ApprovalQuery)
        rows = Approval.objects.filter(project=self.project).select_related("project")
        if "state" in query:
            rows = in_state(rows, query["state"], at=clock.now(self.project))
        return self.listed(rows, ApprovalBody)


class ApprovalDetail(ApprovalView):
    scopes = {"GET": "billing:read"}

    @extend_schema(responses=ApprovalBody)
    def get(self, request: Request, public_id: str) -> Response:
        return Response(ApprovalBody(self.row(public_id)).data)


class DecisionView(ApprovalView):
    """A person's decision; a key is refused."""

    scopes = {"POST": "credits:write"}
    decision: Callable[..., Approval]

    def decide(self, public_id: str) -> Response:
        given = self.body(DecisionRequest)
        done = type(self).decision(
            approval=self.row(public_id),
            reason=given["reason"],
            actor=self.actor,
            at=clock.now(self.project),
        )
        return Response(ApprovalBody(done).data)


class ApprovalApprove(DecisionView):
    decision = staticmethod(approve)

    @extend_schema(request=DecisionRequest, responses=ApprovalBody)
    def post(self, request: Request, public_id: str) -> Response:
        """Do what was asked for; never one's own request."""
        return self.decide(public_id)


class ApprovalRefuse(DecisionView):
    decision = staticmethod(refuse)

    @extend_schema(request=DecisionRequest, responses=ApprovalBody)
    def post(self, request: Request, public_id: str) -> Response:
        return self.decide(public_id)


class ApprovalWithdraw(DecisionView):
    decision = staticmethod(withdraw)

    @extend_schema(request=DecisionRequest, responses=ApprovalBody)
    def post(self, request: Request, public_id: str) -> Response:
        """Take one's own request back."""
        return self.decide(public_id)
