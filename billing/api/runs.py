"""Billing runs."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.execution import execute_run
from billing.models import BillingRun, RunItem
from billing.selectors.runs import Progress, matches, progress_of
from billing.services.runs import create_run, repeat_run, retry_run
from billing.tasks import plan_billing_run
from neruba import clock
from neruba.api.base import ListQuery
from neruba.api.fields import Flag, Identifier, Instant, Strict, Text
from neruba.api.views import ProjectView, inline_time, one
from neruba.edge import run_atomic
from neruba.money import Money
from neruba.nudge import nudge
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


class ProgressBody(serializers.Serializer[Any]):
    """In customers."""

    customers = serializers.IntegerField()
    done = serializers.IntegerField()
    failed = serializers.IntegerField()


class RunBody(serializers.Serializer[Any]):
    id = serializers.CharField()
    status = serializers.ChoiceField(choices=BillingRun.Status.choices)
    as_of = serializers.DateTimeField()
    dry_run = serializers.BooleanField()
    counts = CountsBody()
    total = TotalBody(many=True)
    progress = ProgressBody()
    fingerprint = serializers.CharField()
    repeats = serializers.CharField(
        allow_null=True, help_text="The run whose documents this one computed again."
    )
    matches = serializers.BooleanField(
        allow_null=True, help_text="Of a repetition: whether all came out as they were issued."
    )
    error = serializers.CharField(help_text="Why a failed run could not be planned.")


def run_body(run: BillingRun) -> dict[str, Any]:
    """A run as callers see it, and as the command prints it."""
    return run_bodies([run])[0]


def run_bodies(runs: Sequence[BillingRun]) -> list[dict[str, Any]]:
    """Runs as callers see them; a constant number of queries."""
    progress = progress_of(runs)
    return [_body(run, progress[run.pk]) for run in runs]


def _body(run: BillingRun, progress: Progress) -> dict[str, Any]:
    return {
        "id": run.public_id,
        "status": run.status,
        "as_of": rfc3339(run.as_of),
        "dry_run": run.dry_run,
        "counts": {
            "due": run.due,
            "invoiced": progress.invoiced,
            "finalized": progress.finalized,
            "unchanged": run.unchanged,
            "failed": run.failed,
        },
        "total": [
            {"currency": currency, "amount": Money(minor, currency).amount}
            for currency, minor in sorted(run.totals.items())
        ],
        "progress": {
            "customers": progress.customers,
            "done": progress.done,
            "failed": progress.failed,
        },
        "fingerprint": run.fingerprint,
        "repeats": None if run.repeats is None else run.repeats.public_id,
        "matches": matches(run, progress),
        "error": run.error,
    }


class ItemQuery(ListQuery):
    status = serializers.ChoiceField(
        choices=RunItem.State.choices, required=False, help_text="failed: parked customers"
    )


class ItemBody(serializers.Serializer[RunItem]):
    customer = serializers.CharField(source="customer.external_id")
    status = serializers.ChoiceField(choices=RunItem.State.choices, source="state")
    attempts = serializers.IntegerField()
    documents = serializers.IntegerField(help_text="That wait for it, while it is failed.")
    cause = serializers.CharField()
    failed_at = serializers.DateTimeField(allow_null=True)
    retry_at = serializers.DateTimeField(
        source="due_at", allow_null=True, help_text="Null: it waits for a person."
    )


class RetryRequest(Strict):
    reason = Text(required=False, default="", allow_blank=True, max_length=1000)


class RunList(ProjectView):
    scopes = {"GET": "billing:read", "POST": "billing:write"}
    own_transactions = True

    @extend_schema(parameters=[ListQuery], responses=RunBody(many=True))
    def get(self, request: Request) -> Response:
        self.query(ListQuery)
        rows = BillingRun.objects.filter(project=self.project).select_related("repeats")
        return self.listed(rows, run_bodies)

    @extend_schema(request=RunRequest, responses={202: RunBody})
    def post(self, request: Request) -> Response:
        """Bills what is due by `as_of` and not done. The same `as_of` again changes nothing.

        Workers do it; ask for the run until it is completed. In a sandbox the request itself works
        on it for at most 25 s.
        """
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
        return Response(run_body(work_on(run, at=at)), status=202)


def work_on(run: BillingRun, *, at: datetime) -> BillingRun:
    """Give a run to the workers; in a sandbox, which may have none, begin with it at once."""
    if run.project.clock_at is not None:
        run = execute_run(run, at=max(at, run.as_of), go_on=inline_time())
    if not run.is_over:
        nudge(plan_billing_run, run.pk)
    return run


class RunView(ProjectView):
    """An endpoint of one run."""

    def run(self, public_id: str) -> BillingRun:
        rows = BillingRun.objects.filter(project=self.project)
        return one(rows.select_related("project", "repeats"), "billing run", public_id=public_id)


class RunDetail(RunView):
    scopes = {"GET": "billing:read"}

    @extend_schema(responses=RunBody)
    def get(self, request: Request, public_id: str) -> Response:
        return Response(run_body(self.run(public_id)))


class RunItems(RunView):
    scopes = {"GET": "billing:read"}

    @extend_schema(parameters=[ItemQuery], responses=ItemBody(many=True))
    def get(self, request: Request, public_id: str) -> Response:
        """The customers of a run, each with how far it came; `status=failed` those that are
        parked, with the cause.
        """
        status = self.query(ItemQuery).get("status")
        rows = RunItem.objects.filter(run=self.run(public_id)).select_related("customer")
        return self.listed(rows if status is None else rows.filter(state=status), ItemBody)


class RunRetry(RunView):
    scopes = {"POST": "billing:write"}
    own_transactions = True

    @extend_schema(request=RetryRequest, responses={202: RunBody})
    def post(self, request: Request, public_id: str) -> Response:
        """Tries the parked customers of a completed run again; 409 where none is parked."""
        run, at = self.run(public_id), clock.now(self.project)
        work = partial(
            retry_run, run=run, reason=self.body(RetryRequest)["reason"], actor=self.actor, at=at
        )
        return Response(run_body(work_on(run_atomic(work), at=at)), status=202)


class RunRepeat(RunView):
    scopes = {"POST": "billing:write"}
    own_transactions = True

    @extend_schema(request=RetryRequest, responses={202: RunBody})
    def post(self, request: Request, public_id: str) -> Response:
        """Computes every document due by the run's instant again, from raw usage and the stored
        prices, and compares: `matches` and the fingerprint say whether all came out the same.
        """
        run, at = self.run(public_id), clock.now(self.project)
        work = partial(
            repeat_run,
            run=run,
            trigger=BillingRun.Trigger.API,
            actor=self.actor,
            at=at,
            reason=self.body(RetryRequest)["reason"],
        )
        return Response(run_body(work_on(run_atomic(work), at=at)), status=202)
