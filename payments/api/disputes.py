"""Disputes."""

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from neruba.api.base import ListQuery
from neruba.api.fields import Instant
from neruba.api.views import ProjectView
from neruba.money import Money
from payments.models import Dispute


class DisputeBody(serializers.Serializer[Dispute]):
    id = serializers.CharField(source="public_id")
    payment = serializers.CharField(source="payment.public_id")
    status = serializers.ChoiceField(choices=Dispute.State.choices, source="state")
    amount = serializers.SerializerMethodField()
    fee = serializers.SerializerMethodField()
    currency = serializers.CharField()
    reason = serializers.CharField()
    provider_id = serializers.CharField()
    opened_at = Instant()
    closed_at = Instant(allow_null=True)

    def get_amount(self, dispute: Dispute) -> str:
        return Money(dispute.amount_minor, dispute.currency).amount

    def get_fee(self, dispute: Dispute) -> str:
        return Money(dispute.fee_minor, dispute.currency).amount


class DisputeList(ProjectView):
    scopes = {"GET": "billing:read"}

    @extend_schema(parameters=[ListQuery], responses=DisputeBody(many=True))
    def get(self, request: Request) -> Response:
        self.query(ListQuery)
        rows = Dispute.objects.filter(project=self.project).select_related("payment")
        return self.listed(rows, DisputeBody)
