"""Billing runs."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.models import BillingRun
from billing.services.runs import create_run, execute_run
from neruba import clock
from neruba.api.fields import Flag, Identifier, Instant, Strict
from neruba.api.views import ListQuery, ProjectView, one
from neruba.edge import run_atomic
from neruba.money import Money
from neruba.period import rfc3339


class RunRequest(Strict):
    as_of = Instant(required=False, allow_null=True, default=None)
    customers = serializers.ListField(
        child=Identifier(), required=False, allow_null=True, default=None, max_length=10_000
    )
    dry_run = Flag(required=False, default=False)


class CountsBody(serializers.Serializer[Any]):
    due = serializers.IntegerField()
    invoiced = serializers.IntegerField()
    finalized = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    failed = serializers.IntegerField()


class TotalBody(serializers.Serializer[Any]):
    currency = serializers.CharField()
    amount = serializers.CharField()


class RunBody(serializers.Serializer[Any]):
    id = serializers.CharField()
    status = serializers.ChoiceField(choices=BillingRun.Status.choices)
    as_of = serializers.DateTimeField()
    dry_run = serializers.BooleanField()
    counts = CountsBody()
    total = TotalBody(many=True)
    fingerprint = serializers.CharField()


def run_body(run: BillingRun) -> dict[str, Any]:
    """A run as callers see it, and as the command prints it."""
    return {
        "id": run.public_id,
        "status": run.status,
        "as_of": rfc3339(run.as_of),
        "dry_run": run.dry_run,
        "counts": {
            name: getattr(run, name)
            for name in ("due", "invoiced", "finalized", "unchanged", "failed")
        },
        "total": [
            {"currency": currency, "amount": Money(minor, currency).amount}
            for currency, minor in sorted(run.totals.items())
        ],
        "fingerprint": run.fingerprint,
    }


class RunList(ProjectView):
    scopes = {"GET": "billing:read", "POST": "billing:write"}
    own_transactions = True

    @extend_schema(parameters=[ListQuery], responses=RunBody(many=True))
    def get(self, request: Request) -> Response:
        self.query(ListQuery)
        rows = BillingRun.objects.filter(project=self.project)
        return self.listed(rows, lambda page: [run_body(run) for run in page])

    @extend_schema(request=RunRequest, responses={202: RunBody})
    def post(self, request: Request) -> Response:
        """Bills what is due by `as_of` and not done. The same `as_of` again changes nothing."""
        given = self.body(RunRequest)
        at = clock.now(self.project)
        run = run_atomic(
            lambda: create_run(
                project=self.project,
                trigger=BillingRun.Trigger.API,
                actor=self.actor,
                at=at,
                **given,
            )
        )
        execute_run(run, at=max(at, run.as_of))
        return Response(run_body(run), status=202)


class RunDetail(ProjectView):
    scopes = {"GET": "billing:read"}

    @extend_schema(responses=RunBody)
    def get(self, request: Request, public_id: str) -> Response:
        rows = BillingRun.objects.filter(project=self.project)
        return Response(run_body(one(rows, "billing run", public_id=public_id)))
