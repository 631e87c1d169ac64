"""Plans and their prices."""

import json
from typing import Any, get_args

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.models import Plan, PlanVersion
from billing.rating.entitlements import Entitlement, EntitlementType
from billing.rating.models import MODELS
from billing.rating.plan_diff import plan_changes
from billing.selectors.plans import content_of, entitlements_of, standing_on
from billing.services.plans import create_plan_version
from ingest.api.meters import ROUNDING_MODES, FilterValue
from neruba import clock
from neruba.api.base import ListQuery
from neruba.api.fields import (
    Amount,
    Currency,
    Identifier,
    Instant,
    Quantity,
    Strict,
    Text,
    UnitAmount,
    Whole,
)
from neruba.api.views import ProjectView, one
from neruba.decimals import plain
from neruba.models import Project
from neruba.money import Money

INTERVALS = ["day", "week", "month", "year"]
KINDS = ["recurring", "seat", "usage", "one_time"]
PACKAGE_ROUNDINGS = ["up", "down"]
ENTITLEMENT_TYPES = list(get_args(EntitlementType))


class TierBody(serializers.Serializer[Any]):
    """A tier: of units, or of packages in their place; of money where it has a percentage."""

    up_to = UnitAmount(allow_null=True)
    unit_amount = UnitAmount(required=False)
    package_size = UnitAmount(required=False)
    package_amount = UnitAmount(required=False)
    rate_percent = UnitAmount(required=False, help_text="graduated_percentage")
    flat_amount = UnitAmount(required=False)


class CellBody(serializers.Serializer[Any]):
    match = serializers.DictField(help_text="Property: a value, or a list of which one matches.")
    unit_amount = UnitAmount()


class TransformBody(serializers.Serializer[Any]):
    """One of `divide_by` and `multiply_by`."""

    divide_by = UnitAmount(required=False)
    multiply_by = UnitAmount(required=False)
    round = serializers.ChoiceField(choices=ROUNDING_MODES, required=False, allow_null=True)


class PriceFilterBody(serializers.Serializer[Any]):
    property = serializers.CharField()

    def get_fields(self) -> dict[str, Any]:
        values = serializers.ListField(child=FilterValue(allow_null=True))
        return {**super().get_fields(), "in": values}


class PriceBody(serializers.Serializer[Any]):
    """A price: the common fields, and those of its model."""

    code = serializers.CharField()
    name = serializers.CharField(required=False)
    kind = serializers.ChoiceField(choices=KINDS)
    model = serializers.ChoiceField(choices=list(MODELS))
    billing = serializers.ChoiceField(choices=["in_advance", "in_arrears"], required=False)
    prorate = serializers.BooleanField(required=False)
    meter = serializers.CharField(required=False, allow_null=True)
    filters = PriceFilterBody(many=True, required=False, help_text="usage")
    interval = serializers.ChoiceField(choices=INTERVALS, required=False)
    interval_count = serializers.IntegerField(required=False)
    transform = TransformBody(required=False, allow_null=True)
    minimum_amount = UnitAmount(required=False, allow_null=True)
    maximum_amount = UnitAmount(required=False, allow_null=True)
    amount = UnitAmount(required=False, help_text="flat")
    unit_amount = UnitAmount(required=False, help_text="per_unit")
    free_units = UnitAmount(required=False, help_text="per_unit, package, graduated, volume")
    tiers = TierBody(many=True, required=False, help_text="graduated, volume, graduated_percentage")
    first_flat_at_zero = serializers.BooleanField(required=False, help_text="tiered models")
    package_size = UnitAmount(required=False, help_text="package")
    package_amount = UnitAmount(required=False, help_text="package")
    rounding = serializers.ChoiceField(
        choices=PACKAGE_ROUNDINGS, required=False, help_text="package"
    )
    rate_percent = UnitAmount(required=False, help_text="percentage")
    fixed_fee = UnitAmount(required=False, help_text="percentage: for each paid event")
    free_events = serializers.IntegerField(required=False, allow_null=True, help_text="percentage")
    free_amount = UnitAmount(required=False, allow_null=True, help_text="percentage")
    min_per_event = UnitAmount(required=False, allow_null=True, help_text="percentage")
    max_per_event = UnitAmount(required=False, allow_null=True, help_text="percentage")
    cells = CellBody(many=True, required=False, help_text="matrix")
    default_unit_amount = UnitAmount(required=False, help_text="matrix")
    multiplier = UnitAmount(required=False, help_text="dynamic")


class OverrideBody(PriceBody):
    """A whole price, or without a `model` only the fields that change; a null resets one."""

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        for name, field in fields.items():
            field.required = name == "code"
        return fields


@extend_schema_field(PriceBody(many=True))
class PriceList(serializers.ListField):
    """Prices as they came; the price models read them and point at what is wrong."""

    child = serializers.DictField()


@extend_schema_field(OpenApiTypes.ANY)
class JsonValue(serializers.Field):  # type: ignore[type-arg]
    """Any JSON; only answered."""

    def to_representation(self, value: object) -> object:
        return value


@extend_schema_field(PriceBody(many=True))
class PriceDefinitions(JsonValue):
    """Prices as they stand, each with the fields of its model and no others; only answered."""


class EntitlementRequest(Strict):
    """A feature that is there, or one with a limit for each period of the plan."""

    feature = Identifier()
    type = serializers.ChoiceField(choices=ENTITLEMENT_TYPES)
    limit = Quantity(required=False, allow_null=True, default=None, help_text="Of type `limit`.")
    meter = Identifier(
        required=False,
        allow_null=True,
        default=None,
        help_text="Whose usage counts against the limit; left out: the meter with the feature's "
        "code, if there is one.",
    )


class EntitlementBody(serializers.Serializer[Any]):
    feature = serializers.CharField()
    type = serializers.ChoiceField(choices=ENTITLEMENT_TYPES)
    limit = serializers.SerializerMethodField()
    meter = serializers.CharField(allow_null=True)

    @extend_schema_field(Quantity(allow_null=True))
    def get_limit(self, one: Entitlement) -> str | None:
        return None if one.limit is None else plain(one.limit)


class PlanRequest(Strict):
    code = Identifier()
    name = Text(max_length=255, required=False)
    currency = Currency(required=False)
    interval = serializers.ChoiceField(choices=INTERVALS)
    interval_count = Whole(min_value=1, max_value=120, required=False, default=1)
    prices = PriceList(allow_empty=True, max_length=200)
    trial_days = Whole(min_value=0, max_value=3650, required=False, default=0)
    minimum_commitment = Amount(required=False, allow_null=True, default=None)
    entitlements = serializers.ListField(
        child=EntitlementRequest(), required=False, default=list, max_length=200
    )


class PlanVersionBody(serializers.Serializer[PlanVersion]):
    code = serializers.CharField(source="plan.code")
    version = serializers.IntegerField()
    name = serializers.CharField()
    currency = serializers.CharField()
    interval = serializers.ChoiceField(choices=INTERVALS)
    interval_count = serializers.IntegerField()
    trial_days = serializers.IntegerField()
    minimum_commitment = serializers.SerializerMethodField()
    prices = serializers.SerializerMethodField()
    entitlements = serializers.SerializerMethodField()
    created_at = Instant()

    @extend_schema_field(Amount(allow_null=True))
    def get_minimum_commitment(self, version: PlanVersion) -> str | None:
        minor = version.minimum_commitment_minor
        return None if minor is None else Money(minor, version.currency).amount

    @extend_schema_field(PriceBody(many=True))
    def get_prices(self, version: PlanVersion) -> list[dict[str, Any]]:
        return [json.loads(price.definition) for price in version.prices.all()]

    @extend_schema_field(EntitlementBody(many=True))
    def get_entitlements(self, version: PlanVersion) -> list[dict[str, Any]]:
        return list(EntitlementBody(entitlements_of(version), many=True).data)


def version_asked(project: Project, given: dict[str, Any]) -> dict[str, Any]:
    """What `create_plan_version` is asked for by a validated body, with what it leaves out."""
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


class PlanDiffQuery(Strict):
    """Left out: the latest version, and the one before the newer."""

    to = Identifier(required=False, help_text="A number of a version.")

    def get_fields(self) -> dict[str, Any]:
        one_before = Identifier(required=False, help_text="A number of a version.")
        return {"from": one_before, **super().get_fields()}


class PlanChangeBody(serializers.Serializer[Any]):
    change = serializers.ChoiceField(
        choices=["added", "removed", "changed", "moved"], source="verb"
    )
    price = serializers.CharField(allow_null=True, help_text="A code; null: the plan itself.")
    field = serializers.CharField(help_text="A JSON pointer, from the price or the plan.")
    old = JsonValue(allow_null=True)
    new = JsonValue(allow_null=True)
    text = serializers.CharField()


class ComparedVersionBody(serializers.Serializer[Any]):
    version = serializers.IntegerField()
    created_at = Instant()
    subscriptions = serializers.IntegerField(help_text="That stand on it now.")


class PlanDiffBody(serializers.Serializer[Any]):
    plan = serializers.CharField()
    changes = PlanChangeBody(many=True)

    def get_fields(self) -> dict[str, Any]:
        versions = {"from": ComparedVersionBody(), "to": ComparedVersionBody()}
        return {**super().get_fields(), **versions}


class PlanDiff(ProjectView):
    """What changed between two versions of a plan, and how many subscriptions stand on each."""

    scopes = {"GET": "billing:read"}

    @extend_schema(parameters=[PlanDiffQuery], responses=PlanDiffBody)
    def get(self, request: Request, code: str) -> Response:
        query = self.query(PlanDiffQuery)
        plan = one(Plan.objects.filter(project=self.project), "plan", code=code)
        rows = plan_versions(self).filter(plan=plan).order_by("-version")
        new = one(_numbered(rows, query.get("to")), "version of the plan")
        before = rows.filter(version__lt=new.version)
        old = one(
            _numbered(rows, query["from"]) if "from" in query else before, "version of the plan"
        )
        standing = standing_on(self.project, {old.pk, new.pk}, at=clock.now(self.project))
        versions = {
            side: {
                "version": version.version,
                "created_at": version.created_at,
                "subscriptions": standing[version.pk],
            }
            for side, version in (("from", old), ("to", new))
        }
        changes = plan_changes(content_of(old), content_of(new))
        return Response(PlanDiffBody({"plan": code, **versions, "changes": changes}).data)


def _numbered(rows: QuerySet[PlanVersion], number: str | None) -> QuerySet[PlanVersion]:
    """The versions with this number, as it came; without one all of them."""
    if number is None:
        return rows
    return rows.filter(version=int(number[:9]) if number.isascii() and number.isdigit() else 0)


class PlanDetail(ProjectView):
    scopes = {"GET": "billing:read"}

    @extend_schema(parameters=[PlanQuery], responses=PlanVersionBody)
    def get(self, request: Request, code: str) -> Response:
        version = self.query(PlanQuery).get("version")
        plan = one(Plan.objects.filter(project=self.project), "plan", code=code)
        rows = _numbered(plan_versions(self).filter(plan=plan).order_by("-version"), version)
        return Response(PlanVersionBody(one(rows, "version of the plan")).data)
