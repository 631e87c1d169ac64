"""Changes of a subscription: made, previewed, withdrawn, and the timeline that they add up to."""

import json
import re
from datetime import datetime
from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from billing.api.catalog import JsonValue
from billing.api.invoices import InvoiceBody, invoice_body
from billing.api.subscriptions import SeatQuantities, SubscriptionView
from billing.models import Subscription, SubscriptionChange
from billing.selectors.asked_changes import CONTENTS
from billing.selectors.documents import documents_of_computed
from billing.selectors.timelines import timelines_of
from billing.services.changes import change_subscription, preview_change, withdraw_change
from neruba import clock
from neruba.api.base import ListQuery
from neruba.api.fields import Identifier, Instant, Strict, Text, Timezone
from neruba.errors import InvalidError, NotFoundError

PREFIX = "chg_"
CHANGE_ID = re.compile(rf"{PREFIX}([0-9]{{1,9}})")
STATES = ["past", "in_force", "scheduled", "withdrawn"]
TYPES = list(CONTENTS)
# What each type reads beside what all have: another field is a mistake, not to be passed over.
FIELDS = {
    "change_plan": {"plan", "quantities"},
    "set_quantity": {"price", "quantity"},
    "add_price": {"price", "quantity"},
    "remove_price": {"price"},
    "pause": {"usage"},
    "cancel": {"at"},
    "set_timezone": {"timezone"},
}
OWN = frozenset().union(*FIELDS.values())


class GivenJson(JsonValue):
    """Any JSON as it came; the change reads it."""

    def to_internal_value(self, data: object) -> object:
        return data


class ChangeRequest(Strict):
    type = serializers.ChoiceField(choices=TYPES)
    effective_at = Instant(required=False, help_text="Left out: now.")
    plan = Identifier(required=False, help_text="change_plan: its latest version.")
    quantities = SeatQuantities(
        required=False, help_text="change_plan: seats by price; left out: as they are."
    )
    price = GivenJson(
        required=False, help_text="The code of a price; add_price: a whole price as in a plan."
    )
    quantity = GivenJson(required=False, help_text="A decimal as text.")
    timezone = Timezone(required=False, help_text="set_timezone: from the next boundary on.")
    usage = serializers.ChoiceField(
        choices=["billed", "waive"], required=False, help_text="pause: what becomes of usage."
    )
    at = Text(required=False, help_text="cancel: now, period_end (if left out) or a time.")
    proration = serializers.ChoiceField(
        choices=["prorate", "none", "full_period"], required=False, default="prorate"
    )
    invoice = serializers.ChoiceField(choices=["next", "now"], required=False, default="next")
    reason = Text(required=False, default="", allow_blank=True, max_length=1000)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Refuse what this type of change does not read."""
        read = FIELDS.get(attrs["type"], set())
        for name in sorted(OWN - read):
            if attrs.get(name) is not None:
                raise InvalidError(f"{attrs['type']} has no {name}.", pointer=f"/{name}")
        return attrs


class ChangeBody(serializers.Serializer[Any]):
    id = serializers.CharField()
    type = serializers.CharField()
    state = serializers.ChoiceField(
        choices=STATES, help_text="`past` is what a later one of its kind took the place of."
    )
    effective_at = Instant()
    requested_at = Instant()
    actor = serializers.CharField()
    reason = serializers.CharField()
    content = serializers.SerializerMethodField()

    @extend_schema_field({"type": "object"})
    def get_content(self, change: dict[str, Any]) -> dict[str, Any]:
        return json.loads(change["content"])  # type: ignore[no-any-return]


class ChangedBody(ChangeBody):
    invoice = serializers.CharField(
        allow_null=True, help_text="The id of the invoice that billed it at once."
    )


def change_bodies(
    subscription: Subscription, changes: list[SubscriptionChange], at: datetime
) -> list[dict[str, Any]]:
    """Changes with what has become of each by an instant."""
    timeline = timelines_of(subscription.project, [subscription.pk])[subscription.pk]
    states = timeline.states_of_decisions(at)
    return [
        {
            **{
                name: getattr(row, name)
                for name in ("type", "effective_at", "requested_at", "actor", "reason", "content")
            },
            "id": f"{PREFIX}{row.number}",
            "state": states.get(row.number, "withdrawn"),
        }
        for row in changes
    ]


class ChangeView(SubscriptionView):
    def asked(self, request: Request) -> dict[str, Any]:
        """What is asked for, without what was left out."""
        given = self.body(ChangeRequest)
        return {name: value for name, value in given.items() if value is not None}


class SubscriptionChanges(ChangeView):
    scopes = {"POST": "billing:write"}
    needs_key = frozenset({"POST"})

    @extend_schema(request=ChangeRequest, responses={201: ChangedBody})
    def post(self, request: Request, external_id: str) -> Response:
        """Decide something about a subscription, now, later or earlier; see
        docs/subscriptions.md.
        """
        given, at = self.asked(request), clock.now(self.project)
        subscription = self.row(external_id)
        changed = change_subscription(
            subscription=subscription,
            type=given.pop("type"),
            reason=given.pop("reason"),
            given=given,
            actor=self.actor,
            at=at,
        )
        body = change_bodies(subscription, [changed.change], at)[0]
        invoice = changed.invoice.public_id if changed.invoice is not None else None
        return Response(dict(ChangedBody({**body, "invoice": invoice}).data), status=201)


class SubscriptionChangeDetail(ChangeView):
    scopes = {"DELETE": "billing:write"}
    needs_key = frozenset({"DELETE"})

    @extend_schema(responses={200: ChangeBody})
    def delete(self, request: Request, external_id: str, change_id: str) -> Response:
        """Withdraw a change that has not taken effect."""
        named = CHANGE_ID.fullmatch(change_id)
        if named is None:
            raise NotFoundError("There is no such change of this subscription.")
        subscription, at = self.row(external_id), clock.now(self.project)
        change = withdraw_change(
            subscription=subscription, number=int(named[1]), reason="", actor=self.actor, at=at
        )
        return Response(dict(ChangeBody(change_bodies(subscription, [change], at)[0]).data))


class SubscriptionChangePreview(ChangeView):
    scopes = {"POST": "billing:write"}

    @extend_schema(request=ChangeRequest, responses=InvoiceBody(many=True))
    def post(self, request: Request, external_id: str) -> Response:
        """The invoice that a change would be billed by; nothing is stored."""
        given = self.asked(request)
        given.pop("reason")
        found = preview_change(
            subscription=self.row(external_id),
            type=given.pop("type"),
            given=given,
            actor=self.actor,
            at=clock.now(self.project),
        )
        data = [invoice_body(one) for one in documents_of_computed(self.project, found)]
        return Response({"data": data, "next_cursor": None})


class SubscriptionTimeline(SubscriptionView):
    scopes = {"GET": "billing:read"}

    @extend_schema(parameters=[ListQuery], responses=ChangeBody(many=True))
    def get(self, request: Request, external_id: str) -> Response:
        """Every change in the order in which it was asked for: who, when, effective when, why."""
        self.query(ListQuery)
        subscription, at = self.row(external_id), clock.now(self.project)
        rows = SubscriptionChange.objects.filter(project=self.project, subscription=subscription)
        return self.listed(
            rows,
            lambda page: [
                dict(ChangeBody(one).data) for one in change_bodies(subscription, list(page), at)
            ],
        )
