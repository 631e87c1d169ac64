"""Plans and their prices."""

import json
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.models import Plan, PlanVersion
from billing.services.plans import create_plan_version
from neruba import clock
from neruba.api.base import ListQuery
from neruba.api.fields import Amount, Currency, Identifier, Instant, Strict, Text, UnitAmount, Whole
from neruba.api.views import ProjectView, one
from neruba.errors import UnsupportedError
from neruba.models import Project

INTERVALS = ["day", "week", "month", "year"]


class TierBody(serializers.Serializer[Any]):
    up_to = UnitAmount(allow_null=True)
    unit_amount = UnitAmount()
    flat_amount = UnitAmount(required=False)


class PriceBody(serializers.Serializer[Any]):
    """A price: the common fields, and those of its model."""

    code = serializers.CharField()
    name = serializers.CharField(required=False)
    kind = serializers.ChoiceField(choices=["recurring", "usage", "one_time"])
    model = serializers.ChoiceField(choices=["flat", "per_unit", "graduated"])
    billing = serializers.ChoiceField(choices=["in_advance", "in_arrears"], required=False)
    prorate = serializers.BooleanField(required=False)
    meter = serializers.CharField(required=False, allow_null=True)
    amount = UnitAmount(required=False, help_text="flat")
    unit_amount = UnitAmount(required=False, help_text="per_unit")
    free_units = UnitAmount(required=False, help_text="per_unit")
    tiers = TierBody(many=True, required=False, help_text="graduated")
    first_flat_at_zero = serializers.BooleanField(required=False, help_text="graduated")


@extend_schema_field(PriceBody(many=True))
class PriceList(serializers.ListField):
    """Prices as they came; the price models read them and point at what is wrong."""

    child = serializers.DictField()


class PlanRequest(Strict):
    code = Identifier()
    name = Text(max_length=255, required=False)
    currency = Currency(required=False)
    interval = serializers.ChoiceField(choices=INTERVALS)
    interval_count = Whole(min_value=1, max_value=120, required=False, default=1)
    prices = PriceList(allow_empty=True, max_length=200)
    trial_days = Whole(min_value=0, required=False, default=0)
    minimum_commitment = Amount(required=False, allow_null=True, default=None)
    entitlements = serializers.ListField(required=False, default=list)


class PlanVersionBody(serializers.Serializer[PlanVersion]):
    code = serializers.CharField(source="plan.code")
    version = serializers.IntegerField()
    name = serializers.CharField()
    currency = serializers.CharField()
    interval = serializers.ChoiceField(choices=INTERVALS)
    interval_count = serializers.IntegerField()
    prices = serializers.SerializerMethodField()
    created_at = Instant()

    @extend_schema_field(PriceBody(many=True))
    def get_prices(self, version: PlanVersion) -> list[dict[str, Any]]:
        return [json.loads(price.definition) for price in version.prices.all()]


def version_asked(project: Project, given: dict[str, Any]) -> dict[str, Any]:
    """What `create_plan_version` is asked for by a validated body, with what it leaves out. Raises
    UnsupportedError.
    """
    for name in ("trial_days", "minimum_commitment", "entitlements"):
        if given.pop(name):
            raise UnsupportedError(f"{name} is not supported by this version.", pointer=f"/{name}")
    given.setdefault("name", given["code"])
    given.setdefault("currency", project.currency)
    return given


def plan_versions(view: ProjectView) -> QuerySet[PlanVersion]:
    rows = PlanVersion.objects.filter(project=view.project)
    return rows.select_related("plan").prefetch_related("prices")


class PlanList(ProjectView):
    """Every version of every plan, oldest first."""

    scopes = {"GET": "billing:read", "POST": "billing:write"}

    @extend_schema(parameters=[ListQuery], responses=PlanVersionBody(many=True))
    def get(self, request: Request) -> Response:
        self.query(ListQuery)
        return self.listed(plan_versions(self), PlanVersionBody)

    @extend_schema(request=PlanRequest, responses={200: PlanVersionBody, 201: PlanVersionBody})
    def post(self, request: Request) -> Response:
        """A POST to an existing code makes the plan's next version; the same content answers what
        stands.
        """
        given = version_asked(self.project, self.body(PlanRequest))
        created = create_plan_version(
            project=self.project, actor=self.actor, at=clock.now(self.project), **given
        )
        status = 200 if created.replayed else 201
        return Response(PlanVersionBody(created.version).data, status=status)


class PlanQuery(Strict):
    version = Identifier(required=False, help_text="A number; left out: the latest.")


class PlanDetail(ProjectView):
    scopes = {"GET": "billing:read"}

    @extend_schema(parameters=[PlanQuery], responses=PlanVersionBody)
    def get(self, request: Request, code: str) -> Response:
        version = self.query(PlanQuery).get("version")
        plan = one(Plan.objects.filter(project=self.project), "plan", code=code)
        rows = plan_versions(self).filter(plan=plan).order_by("-version")
        if version is not None:
            number = int(version[:9]) if version.isascii() and version.isdigit() else 0
            rows = rows.filter(version=number)
        return Response(PlanVersionBody(one(rows, "version of the plan")).data)
