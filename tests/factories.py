"""What tests start from. Keyword functions over the services; each call makes something new."""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import count
from typing import Any

from django.contrib.auth.models import Group, Permission
from rest_framework.test import APIClient

from billing.models import Coupon, CreditNote, Invoice, Redemption
from billing.services.charges import accept_charge
from billing.services.coupons import create_coupon, redeem_coupon
from billing.services.credit_notes import in_proportion, issue_credit_note
from billing.services.steps import issue_now
from ingest.models import EventArchive, Meter
from ingest.services.events import Outcome, accept_events
from ingest.services.meters import create_meter
from ledger.models import Grant, Wallet
from ledger.services.wallets import create_wallet, issue_grant
from neruba import clock
from neruba.actor import SYSTEM, Actor
from neruba.api.parsers import decode_json
from neruba.approvals import ApprovalKind, kind_of, register_kind
from neruba.edge import run_atomic
from neruba.models import (
    Approval,
    Customer,
    Membership,
    OutboxMessage,
    Project,
    ProjectSecret,
    TaxRate,
    User,
)
from neruba.money import Money
from neruba.roles import Role
from neruba.services.api_keys import IssuedKey, issue_api_key
from neruba.services.approvals import request_approval
from neruba.services.customers import create_customer
from neruba.services.invites import IssuedInvite, invite
from neruba.services.leases import Held, take_lease
from neruba.services.memberships import add_member
from neruba.services.operator_tokens import IssuedToken, issue_operator_token
from neruba.services.projects import create_project
from neruba.services.secrets import set_secret
from neruba.services.tax_rates import create_tax_rate
from payments.models import Payment
from payments.services.payments import receive_payment

START = datetime(2026, 1, 1, tzinfo=UTC)  # where a sandbox's clock starts unless told otherwise
_numbers = count(1)


def project(
    *,
    slug: str | None = None,
    currency: str = "USD",
    timezone: str = "UTC",
    mode: str = "sandbox",
    clock_at: datetime | None = START,
    settings: Mapping[str, Any] | None = None,
) -> Project:
    """A sandbox on 1 January 2026, or with `mode="live"` a project on the real clock."""
    name = slug or f"project-{next(_numbers)}"
    return create_project(
        slug=name,
        name=name.title(),
        currency=currency,
        timezone=timezone,
        mode=mode,
        clock_at=clock_at if mode == "sandbox" else None,
        settings=settings or {},
        actor=SYSTEM,
        wall=clock.wall(),
    )


def api_key(
    *,
    project: Project,
    scopes: Sequence[str] = ("admin",),
    expires_at: datetime | None = None,
) -> IssuedKey:
    return issue_api_key(
        project=project,
        name=f"key {next(_numbers)}",
        scopes=scopes,
        expires_at=expires_at,
        actor=SYSTEM,
        at=clock.now(project),
        wall=clock.wall(),
    )


def client(
    *, project: Project, scopes: Sequence[str] = ("admin",), secret: str | None = None
) -> APIClient:
    """A caller of the API with a key of its own; faults of ours are answers, not exceptions."""
    caller = APIClient(raise_request_exception=False)
    secret = secret or api_key(project=project, scopes=scopes).secret
    caller.credentials(HTTP_AUTHORIZATION=f"Bearer {secret}")
    return caller


def customer(
    *, project: Project, external_id: str | None = None, at: datetime | None = None, **content: Any
) -> Customer:
    external_id = external_id or f"customer-{next(_numbers)}"
    return create_customer(
        project=project,
        external_id=external_id,
        content={"name": external_id.title(), **content},
        at=at or clock.now(project),
    ).customer


def tax_rate(
    *, project: Project, code: str | None = None, rate_percent: str = "20", **content: Any
) -> TaxRate:
    code = code or f"rate-{next(_numbers)}"
    given = {"name": code.title(), "inclusive": False, "country": "", **content}
    return create_tax_rate(
        project=project, code=code, rate_percent=rate_percent, actor=SYSTEM, at=START, **given
    ).tax_rate


def coupon(*, project: Project, code: str | None = None, **content: Any) -> Coupon:
    """A tenth off for once, unless the content says otherwise."""
    code = code or f"coupon-{next(_numbers)}"
    given = content if "amount_off" in content else {"percent_off": "10", **content}
    return create_coupon(project=project, code=code, actor=SYSTEM, at=START, **given).coupon


def redemption(*, customer: Customer, coupon: Coupon, at: datetime | None = None) -> Redemption:
    at = at or clock.now(customer.project)
    return redeem_coupon(coupon=coupon, customer=customer, actor=SYSTEM, at=at).redemption


def meter(
    *,
    project: Project,
    code: str | None = None,
    event_type: str = "call",
    aggregation: str = "count",
    value_property: str = "",
    filters: Sequence[Mapping[str, Any]] = (),
    group_by: Sequence[str] = (),
    **more: Any,
) -> Meter:
    code = code or f"meter-{next(_numbers)}"
    return create_meter(
        project=project,
        code=code,
        name=code.title(),
        event_type=event_type,
        aggregation=aggregation,
        value_property=value_property,
        filters=filters,
        group_by=group_by,
        actor=SYSTEM,
        at=clock.now(project),
        **more,
    ).meter


def event_body(**attributes: Any) -> dict[str, Any]:
    """A CloudEvent as it is sent: a call of acme's at START, with an id of its own."""
    return {
        "id": f"event-{next(_numbers)}",
        "source": "test",
        "type": "call",
        "subject": "acme",
        "time": "2026-01-01T00:00:00Z",
        "data": {"n": 1},
    } | attributes


def accept(
    *bodies: Mapping[str, Any], project: Project, at: datetime | None = None
) -> list[Outcome]:
    """Send events as one batch, at any time of the clock, by way of JSON."""
    arrival, decoded = at or clock.now(project), decode_json(json.dumps(bodies).encode())
    return run_atomic(lambda: accept_events(project=project, bodies=decoded, at=arrival))


def lease(*, project: Project, name: str = "windows", at: datetime = START) -> Held:
    """Work that somebody took at the wall time `at`."""
    held = take_lease(project=project, name=name, owner="host, process 1", at=at)
    assert held is not None
    return held


def dead_message(*, project: Project, topic: str = "test.topic") -> OutboxMessage:
    """News that was tried for the last time."""
    return OutboxMessage.objects.create(
        project=project, topic=topic, key="k", handler="h", state="dead", attempts=7, cause="No."
    )


def secret(*, project: Project, value: str = "sk_test_1234567890abcdef") -> ProjectSecret:
    """The project's API key of Stripe."""
    return set_secret(
        project=project,
        name=ProjectSecret.Name.STRIPE_API_KEY,
        value=value,
        actor=SYSTEM,
        at=clock.now(project),
        wall=clock.wall(),
    )


def member(user: User, *, project: Project, role: str = "owner") -> Membership:
    """Makes the operator a member; one who is a member of nothing else stands in the project."""
    return add_member(
        project=project,
        user=user,
        role=Role(role),
        actor=SYSTEM,
        at=clock.now(project),
        wall=clock.wall(),
    )


def operator(*, project: Project, role: str, email: str | None = None) -> User:
    """An operator who is a member of this one project."""
    user = User.objects.create_user(email or f"{role}-{next(_numbers)}@op.example", is_staff=True)
    member(user, project=project, role=role)
    return user


def poor(*permissions: str, project: Project, email: str | None = None) -> User:
    """A member of the project whose role allows these permissions (by code) and nothing else."""
    allowed = Permission.objects.filter(codename__in=permissions)
    Group.objects.get(name="support").permissions.set(allowed)
    return operator(project=project, role="support", email=email)


def invited(
    *,
    project: Project,
    email: str = "new@op.example",
    role: str = "support",
    actor: Actor = SYSTEM,
) -> IssuedInvite:
    return invite(
        project=project,
        email=email,
        role=Role(role),
        by=Role.OWNER,
        actor=actor,
        at=clock.now(project),
        wall=clock.wall(),
    )


def operator_token(*, project: Project, role: str = "owner") -> IssuedToken:
    """A bearer token of a member of the project."""
    return token_of(operator(project=project, role=role))


def token_of(user: User) -> IssuedToken:
    return issue_operator_token(user=user, actor=SYSTEM, wall=clock.wall())


def approval(
    *, project: Project, actor: Actor, operation: str = "test.give", amount: str = "500.00"
) -> Approval:
    """What an operator asks for: something that does nothing, unless the test registered more."""
    if kind_of(operation) is None:
        register_kind(
            ApprovalKind(
                operation=operation,
                title="Give a sample",
                permission="neruba.change_customer",
                perform=lambda _project, _payload, _actor, _at: "sample-1",
                summary=lambda _project, payload: [("Customer", str(payload["customer"]))],
            )
        )
    return request_approval(
        project=project,
        operation=operation,
        payload={"customer": "acme"},
        amount=Money.parse(amount, "USD"),
        reason="they waited long",
        actor=actor,
        at=clock.now(project),
    )


def event_archive(*, project: Project) -> EventArchive:
    """The manifest of a file that is not at hand."""
    return EventArchive.objects.create(
        project=project,
        file=f"2025-01-{'0' * 64}.jsonl.gz",
        sha256="0" * 64,
        size=1,
        first_at=START,
        last_at=START,
        events=1,
        retracted=0,
        checksum=bytes(32),
        actor="neruba",
        made_at=START,
    )


def invoice(
    *,
    customer: Customer,
    amount: str = "100.00",
    currency: str = "USD",
    key: str | None = None,
    at: datetime = START,
) -> Invoice:
    """An issued invoice of one charge."""
    key = key or f"charge-{next(_numbers)}"
    accepted = accept_charge(
        project=customer.project,
        customer=customer,
        charge_key=key,
        amount=Money.parse(amount, currency),
        description="Work",
        effective_at=at,
        tax_code="",
        metadata={},
        invoice_now=True,
        at=at,
    )
    return issue_now(project=customer.project, charge=accepted.charge, at=at)


def wallet(*, customer: Customer, currency: str = "USD", at: datetime = START) -> Wallet:
    return create_wallet(customer=customer, name="Credits", currency=currency, at=at)


def grant(
    *,
    wallet: Wallet,
    amount: str = "100.00",
    kind: str = "promotional",
    at: datetime = START,
    **options: Any,
) -> Grant:
    """A credit, from now on and for ever unless the `options` of `issue_grant` say otherwise."""
    return issue_grant(
        wallet=wallet,
        kind=kind,
        amount=Money.parse(amount, wallet.currency),
        reason="a test",
        actor=SYSTEM,
        at=at,
        **options,
    )


def payment(
    *,
    customer: Customer,
    amount: str = "100.00",
    currency: str = "USD",
    at: datetime = START,
    invoices: Sequence[Invoice] | None = None,
) -> Payment:
    """Money from a bank transfer."""
    return receive_payment(
        customer=customer,
        amount=Money.parse(amount, currency),
        method="bank_transfer",
        reference="a transfer",
        received_at=at,
        invoices=invoices,
        actor=SYSTEM,
        at=at,
    )


def credit_note(
    *,
    invoice: Invoice,
    amount: str = "10.00",
    settle: str = "invoice",
    at: datetime = START,
) -> CreditNote:
    """An amount over the lines of an invoice, in proportion."""
    return issue_credit_note(
        invoice=invoice,
        lines=in_proportion(invoice, Money.parse(amount, invoice.currency)),
        settle=settle,
        reason="a test",
        actor=SYSTEM,
        at=at,
    )
