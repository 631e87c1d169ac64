"""What the matrix of bad input needs: every endpoint of the API with a request that is good.

A new endpoint fails `test_every_endpoint_has_a_good_request` until
its request stands here: a body in REQUESTS for what writes, a value in PATHS for each parameter of
its address. All else follows from that.
"""

import json
import uuid
from dataclasses import dataclass, field
from typing import Any

from django.http import HttpResponse
from rest_framework.test import APIClient

from neruba import clock
from neruba.actor import SYSTEM
from neruba.models import Invite, Project, User
from neruba.services.operator_tokens import issue_operator_token
from neruba.tokens import hash_of
from tests import factories
from tests.api.bodies import (
    CHANGE,
    CHARGE,
    COUPON,
    CUSTOMER,
    GRANT,
    METER,
    PLAN,
    PRORATE,
    RATE,
    RICH_PLAN,
    SUBSCRIPTION,
    TAX_RATE,
    WALLET,
    event,
)
from tests.api.corrections import CREDIT_NOTE, PAYMENT, RECOVERY, filled, settle
from tests.api.endpoints import BASE, PARAMETER, Endpoint, assert_documented
from tests.payments.shop import CHECKOUT, PACK, use_provider

WITH_BODY = ("POST", "PUT", "PATCH")
OPERATOR, PASSWORD = "root@world.example", "a-long-enough-password"
ASKER = "asker@world.example"
INVITE_TOKEN = "nri_the-token-of-an-invite-that-stands"


@dataclass(frozen=True, slots=True)
class Good:
    """A request that is taken as it stands.

    `any_of` are paths in the body below which everything goes; `unknown_fields` whether the body
    takes fields that it does not know; `lists` whether it may be a list; `partly` whether faults of
    members are answered one by one. `names` says whether it names a thing of the project, which
    another project does not have, and `unknown_status` the answer then. `never_empty` is a list
    that has rows in every project. `person` is who sends what keys may not: the operator, or the
    one who asked for something.
    """

    body: dict[str, Any] | None = None
    query: str = ""
    any_of: tuple[str, ...] = ()
    unknown_fields: bool = False
    lists: bool = False
    partly: bool = False
    names: bool = False
    unknown_status: int = 404
    never_empty: bool = False
    person: str = ""


STEPS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("meters", {**METER, "filters": [], "group_by": []}),
    ("customers", CUSTOMER),
    ("customers", {**CUSTOMER, "external_id": "huge"}),
    ("customers", {**CUSTOMER, "external_id": "beta"}),
    ("coupons", COUPON),
    ("customers/beta/coupons", {"code": COUPON["code"]}),
    ("tax-rates", TAX_RATE),
    ("plans", PLAN),
    ("subscriptions", {**SUBSCRIPTION, "external_id": "a-huge", "customer": "huge"}),
    ("subscriptions", SUBSCRIPTION),
    ("clock", {"to": "2026-01-20T00:00:00Z"}),
    ("events", {**event(1), "time": "2026-01-15T00:00:00Z"}),
    ("events/batch", {"events": [{**event(10), "time": "soon"}]}),
    # More than the books can hold: billing of this customer fails, and is parked.
    (
        "events",
        {
            **event(9),
            "subject": "huge",
            "time": "2026-01-15T00:00:00Z",
            "data": {"calls": 10**18},
        },
    ),
    ("charges", CHARGE),
    ("clock", {"to": "2026-02-01T02:00:00Z"}),
    ("billing-runs", {}),
    ("credit-packs", {"code": "small", "price": "10.00", "credits": "10.00"}),
    ("checkout-sessions", CHECKOUT),
    ("wallets", WALLET),
    (f"subscriptions/{SUBSCRIPTION['external_id']}/changes", CHANGE),
)

# Requests that are good in that world.
REQUESTS: dict[str, Good] = {
    "POST auth/token": Good({"email": OPERATOR, "password": PASSWORD}),
    "DELETE auth/token": Good(),
    "POST projects": Good(
        {
            "slug": "another",
            "name": "Another",
            "currency": "USD",
            "timezone": "Europe/Berlin",
            "mode": "sandbox",
            "clock": "2026-01-01T00:00:00Z",
            "settings": {"payment_terms_days": 14},
        }
    ),
    "PATCH projects/<str:slug>": Good(
        {
            "name": "Renamed",
            "settings": {
                "payment_terms_days": 14,
                "finalization_grace": "PT2H",
                "rounding": "half_even",
                "bad_debt_tax_relief": True,
            },
        }
    ),
    "POST projects/<str:slug>/api-keys": Good(
        {"name": "ci", "scopes": ["usage:write"], "expires_at": "2099-01-01T00:00:00Z"}
    ),
    "DELETE projects/<str:slug>/api-keys/<str:prefix>": Good(query="reason=lost"),
    "POST projects/<str:slug>/api-keys/<str:prefix>/rotate": Good(
        {"overlap": "PT1H", "reason": "each year"}
    ),
    "PATCH projects/<str:slug>/members/<str:email>": Good(
        {"role": "developer", "reason": "another desk"}
    ),
    "DELETE projects/<str:slug>/members/<str:email>": Good(query="reason=moved%20away"),
    "POST projects/<str:slug>/invites": Good(
        {"email": "new@world.example", "role": "finance", "reason": "joins on Monday"}
    ),
    "DELETE projects/<str:slug>/invites/<str:public_id>": Good(query="reason=a%20mistake"),
    "POST projects/<str:slug>/invites/accept": Good(
        {"token": INVITE_TOKEN, "name": "Ann Other", "password": "another-long-password"}
    ),
    "POST approvals/<str:public_id>/approve": Good({"reason": "checked"}, person=OPERATOR),
    "POST approvals/<str:public_id>/refuse": Good({"reason": "too much"}, person=OPERATOR),
    "POST approvals/<str:public_id>/withdraw": Good({"reason": "a mistake"}, person=ASKER),
    "GET audit": Good(never_empty=True),
    "POST clock": Good({"to": "2026-02-02T00:00:00Z"}),
    "POST tax-rates": Good({**TAX_RATE, "code": "vat-at"}),
    "POST coupons": Good({**COUPON, "code": "autumn"}),
    "POST customers/<str:external_id>/coupons": Good({"code": COUPON["code"]}, names=True),
    "DELETE customers/<str:external_id>/coupons/<str:code>": Good(query="reason=a%20mistake"),
    "POST customers": Good(
        {
            **CUSTOMER,
            "external_id": "gamma",
            "tax_rates": [TAX_RATE["code"]],
            "tax_exempt": "reverse",
        },
        names=True,
        unknown_status=400,
    ),
    "PATCH customers/<str:external_id>": Good(
        {name: value for name, value in CUSTOMER.items() if name != "external_id"}
    ),
    "POST customers/<str:external_id>/erase": Good({"reason": "asked for it"}),
    "POST meters": Good({**METER, "code": "calls-by-region"}, any_of=("/filters/0/in",)),
    "POST events": Good(event(2), any_of=("/data",), unknown_fields=True),
    "POST events/batch": Good(
        {"events": [event(3), event(4)]}, any_of=("/events",), lists=True, partly=True
    ),
    "POST events/void": Good(
        {"source": "urn:test", "id": "e1", "reason": "sent by mistake"}, names=True
    ),
    "POST events/failed/<str:failed_id>/resubmit": Good(
        {"event": event(10), "reason": "the time was a word"}, any_of=("/event/data",)
    ),
    "POST events/failed/<str:failed_id>/discard": Good({"reason": "a test"}),
    "GET events/one": Good(query="source=urn:test&id=e1", names=True),
    "GET ledger/export": Good(query="format=csv"),
    "GET usage": Good(
        query="customer=acme&meter=calls&from=2026-01-01T00:00:00Z&to=2026-02-01T00:00:00Z",
        names=True,
    ),
    "POST plans/<str:code>/what-if": Good(
        {"draft": PLAN, "from": "2026-01-01T00:00:00Z", "to": "2026-02-01T00:00:00Z", "limit": 5},
    ),
    "POST plans": Good(RICH_PLAN, any_of=("/prices/2/filters/0/in",)),
    "GET plans/<str:code>/diff": Good(query="from=1&to=1"),
    "POST subscriptions": Good(
        {**SUBSCRIPTION, "external_id": "beta-1", "customer": "beta"}, names=True
    ),
    "POST subscriptions/<str:external_id>/changes": Good(
        {**CHANGE, "price": {**CHANGE["price"], "code": "desks"}, "invoice": "now"}
    ),
    "POST subscriptions/<str:external_id>/changes/preview": Good(
        {"type": "cancel", "at": "2026-02-20T00:00:00Z", "reason": "moved away"}
    ),
    "DELETE subscriptions/<str:external_id>/changes/<str:change_id>": Good(),
    "POST charges": Good({**CHARGE, "charge_key": "setup-2"}, names=True),
    "POST billing-runs": Good(
        {"as_of": "2026-02-01T01:30:00Z", "customers": ["acme"], "dry_run": True},
        names=True,
        unknown_status=400,
    ),
    "POST billing-runs/<str:public_id>/retry": Good({"reason": "mended"}),
    "POST billing-runs/<str:public_id>/repeat": Good({"reason": "is it still true?"}),
    "POST rate": Good(RATE, any_of=("/price/cells/0/match", "/events/0/properties")),
    "POST prorate": Good(PRORATE),
    "POST invoices/preview": Good(
        {"subscription": "acme-1", "as_of": "2026-03-01T00:00:00Z"}, names=True
    ),
    "POST invoices/<str:public_id>/verify": Good({}),
    "POST credit-packs": Good(PACK),
    "POST checkout-sessions": Good(CHECKOUT, names=True),
    "POST payments/<str:public_id>/refunds": Good({"amount": "0.10", "reason": "a mistake"}),
    "POST invoices/<str:public_id>/apply-credits": Good({}),
    "POST invoices/<str:public_id>/void": Good({"reason": "wrong customer", "rebill": False}),
    "POST invoices/<str:public_id>/write-off": Good({"reason": "bankrupt"}),
    "POST invoices/<str:public_id>/recover": Good(RECOVERY),
    "POST credit-notes": Good(CREDIT_NOTE, names=True),
    "POST credit-notes/<str:public_id>/void": Good({"reason": "it was right"}),
    "POST payments": Good(PAYMENT, names=True),
    "POST wallets": Good({**WALLET, "name": "More credits"}, names=True),
    "POST wallets/<str:public_id>/grants": Good(GRANT),
    "POST grants/<str:public_id>/revoke": Good(
        {"amount": "1.00", "reason": "too much", "reason_code": "other", "settle": "balance"}
    ),
    "POST customers/<str:external_id>/adjustments": Good(
        {"amount": "2.00", "currency": "USD", "reason_code": "goodwill", "reason": "a call"}
    ),
}

# How the values of addresses are found in the world: a list, and the member that names its rows.
PATHS: dict[str, tuple[str, str]] = {
    "projects/prefix": ("projects/{slug}/api-keys", "prefix"),
    "projects/email": ("projects/{slug}/members", "email"),
    "approvals/public_id": ("approvals", "id"),
    "projects/public_id": ("projects/{slug}/invites", "id"),
    "customers/external_id": ("customers", "external_id"),
    "customers/code": ("customers/beta/coupons", "code"),
    "coupons/code": ("coupons", "code"),
    "tax-rates/code": ("tax-rates", "code"),
    "meters/code": ("meters", "code"),
    "plans/code": ("plans", "code"),
    "subscriptions/external_id": ("subscriptions", "external_id"),
    "subscriptions/change_id": (
        f"subscriptions/{SUBSCRIPTION['external_id']}/timeline",
        "id",
    ),
    "billing-runs/public_id": ("billing-runs", "id"),
    "events/failed_id": ("events?outcome=failed", "failed_id"),
    "invoices/public_id": ("invoices", "id"),
    "ledger/account_id": ("ledger/accounts", "id"),
    "checkout-sessions/public_id": ("checkout-sessions", "id"),
    "wallets/public_id": ("wallets", "id"),
    "credit-notes/public_id": ("credit-notes", "id"),
    "payments/public_id": ("payments", "id"),
    "grants/public_id": ("wallets/{wallet}/grants", "id"),
}


@dataclass(slots=True)
class World:
    """A project in which every address leads to something."""

    project: Project
    client: APIClient
    operator: APIClient
    paths: dict[str, str] = field(default_factory=dict)
    people: dict[str, APIClient] = field(default_factory=dict)

    def caller(self, endpoint: Endpoint) -> APIClient:
        """A key of the project, its operator, or nobody: who has business there."""
        if endpoint.is_public:
            return APIClient(raise_request_exception=False)
        if person := REQUESTS.get(str(endpoint), Good()).person:
            return self.people[person]
        return self.client if endpoint.is_of_project else self.operator

    def path(self, endpoint: Endpoint) -> str:
        collection = endpoint.route.partition("/")[0]
        return (
            "/"
            + BASE
            + PARAMETER.sub(lambda match: self.paths[f"{collection}/{match[1]}"], endpoint.route)
        )

    def send(
        self,
        endpoint: Endpoint,
        *,
        client: APIClient | None = None,
        body: object = None,
        raw: bytes | None = None,
        content_type: str = "application/json",
        query: str | None = None,
        **headers: str,
    ) -> HttpResponse:
        """The good request of the endpoint, with what is given in place of its own."""
        good = REQUESTS.get(str(endpoint), Good())
        if body is None:
            body = good.body if good.body is not None else {}
        query = good.query if query is None else query
        if endpoint.method != "GET":
            headers.setdefault("HTTP_IDEMPOTENCY_KEY", uuid.uuid4().hex)
        named = filled(body, self.paths)
        data = json.dumps(named).encode() if endpoint.method in WITH_BODY else b""
        path = f"{self.path(endpoint)}?{query}" if query else self.path(endpoint)
        # The stubs know neither bytes nor headers.
        caller: Any = client or self.caller(endpoint)
        answer: HttpResponse = caller.generic(
            endpoint.method, path, data if raw is None else raw, content_type, **headers
        )
        assert_documented(endpoint, answer.status_code)
        return answer


def _operator(project: Project) -> APIClient:
    """An operator who may do everything; beside them a member and an invite that stands."""
    user = User.objects.filter(email=OPERATOR).first()
    user = user or User.objects.create_superuser(OPERATOR, PASSWORD)
    factories.member(user, project=project)
    factories.operator(project=project, role="support")
    offer = factories.invited(project=project, email="asked@world.example")
    Invite.objects.filter(pk=offer.invite.pk).update(token_hash=hash_of(INVITE_TOKEN))
    issued = issue_operator_token(user=user, actor=SYSTEM, wall=clock.wall())
    return factories.client(project=project, secret=issued.secret)


def person_of(project: Project, email: str) -> APIClient:
    """A member's own client."""
    client = APIClient(raise_request_exception=False)
    secret = factories.token_of(User.objects.get(email=email)).secret
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}", HTTP_NERUBA_PROJECT=project.slug)
    return client


def build_world() -> World:
    """The world, made through the API alone."""
    project = factories.project()
    use_provider(project)
    client = factories.client(project=project)
    world = World(project, client, _operator(project), {"projects/slug": project.slug})
    for path, body in STEPS:
        response = client.post(
            f"/{BASE}{path}", body, format="json", HTTP_IDEMPOTENCY_KEY=uuid.uuid4().hex
        )
        assert response.status_code < 300, (path, response.content)
    factories.api_key(project=project)
    (wallet,) = client.get(f"/{BASE}wallets").json()["data"]
    grants = f"/{BASE}wallets/{wallet['id']}/grants"
    given = client.post(grants, GRANT, format="json", HTTP_IDEMPOTENCY_KEY=uuid.uuid4().hex)
    assert given.status_code == 201, given.content
    asker = User.objects.filter(email=ASKER).first()
    if asker is None:
        factories.operator(project=project, role="support", email=ASKER)
    else:
        factories.member(asker, project=project, role="support")
    world.people = {email: person_of(project, email) for email in (OPERATOR, ASKER)}
    asked = world.people[ASKER].post(
        f"/{BASE}customers/acme/adjustments",
        {"amount": "500.00", "currency": "USD", "reason_code": "goodwill", "reason": "a long call"},
        format="json",
        HTTP_IDEMPOTENCY_KEY=uuid.uuid4().hex,
    )
    assert asked.status_code == 202, asked.content
    settle(client)
    for name, (path, member) in PATHS.items():
        address = path.format(slug=project.slug, wallet=wallet["id"])
        rows = client.get(f"/{BASE}{address}").json()["data"]
        assert rows, f"nothing at {path}"
        world.paths[name] = rows[-1][member]
    entries = client.get(f"/{BASE}ledger/accounts/{world.paths['ledger/account_id']}/entries")
    world.paths["ledger/transaction_id"] = entries.json()["data"][0]["transaction"]
    return world
