"""Wallets, grants, the customer balance."""

from datetime import datetime
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from ledger.api.views import AtQuery
from ledger.api.wallet_bodies import (
    AdjustmentBody,
    AdjustmentRequest,
    AskedBody,
    GrantBody,
    GrantRequest,
    MovementBody,
    RevokedBody,
    RevokeRequest,
    WalletBody,
    WalletDetailBody,
    WalletQuery,
    WalletRequest,
    grant_body,
    movement_bodies,
    wallet_body,
)
from ledger.models import Grant, Wallet
from ledger.selectors.holdings import holdings_of, wallet_holdings
from ledger.selectors.movements import movements
from ledger.selectors.wallets import balance_of, grants_of, wallet_transfers, wallets_of
from ledger.services.giving import (
    Asked,
    Credit,
    adjust_or_ask,
    issue_or_ask,
    revoke_or_ask,
)
from ledger.services.wallets import create_wallet
from neruba import clock
from neruba.api.base import ListQuery
from neruba.api.views import ProjectView, one
from neruba.errors import InvalidError
from neruba.models import Customer
from neruba.money import Money

SCOPES = {"GET": "billing:read", "POST": "credits:write"}
READ = {"GET": "billing:read"}
WRITE = {"POST": "credits:write"}
KEYED = frozenset({"POST"})


class WalletView(ProjectView):
    def wallet(self, public_id: str) -> Wallet:
        return one(wallets_of(self.project), "wallet", public_id=public_id)

    def grant(self, public_id: str) -> Grant:
        return one(grants_of(self.project), "grant", public_id=public_id)

    def customer(self, external_id: str) -> Customer:
        customers = Customer.objects.filter(project=self.project).select_related("project")
        return one(customers, "customer", external_id=external_id)

    def shown(self, grant: Grant, now: datetime) -> dict[str, Any]:
        (holding,) = holdings_of([grant], now=now)
        return grant_body(holding)


def _money(text: str, currency: str) -> Money:
    try:
        return Money.parse(text, currency)
    except ValueError as error:
        raise InvalidError(str(error), pointer="/amount") from error


def _asked(asked: Asked) -> Response:
    return Response(AskedBody({"approval": asked.approval}).data, status=202)


class WalletList(WalletView):
    scopes = SCOPES

    @extend_schema(parameters=[WalletQuery], responses=WalletBody(many=True))
    def get(self, request: Request) -> Response:
        customer = self.query(WalletQuery).get("customer")
        rows = wallets_of(self.project)
        if customer is not None:
            rows = rows.filter(customer__external_id=customer)
        now = clock.now(self.project)
        return self.listed(
            rows, lambda page: [wallet_body(found) for found in wallet_holdings(page, now=now)]
        )

    @extend_schema(request=WalletRequest, responses={201: WalletBody})
    def post(self, request: Request) -> Response:
        """Where a customer's credits in one currency are kept; several may stand beside each
        other.
        """
        given = self.body(WalletRequest)
        customer = self.customer(given["customer"])
        now = clock.now(self.project)
        currency = given.get("currency") or customer.currency or self.project.currency
        wallet = create_wallet(customer=customer, name=given["name"], currency=currency, at=now)
        (found,) = wallet_holdings([wallet], now=now)
        return Response(wallet_body(found), status=201)


class WalletDetail(WalletView):
    scopes = READ

    @extend_schema(parameters=[AtQuery], responses=WalletDetailBody)
    def get(self, request: Request, public_id: str) -> Response:
        """What is in it, by grant; with `at`, by entries that occurred before it."""
        at = self.query(AtQuery)["at"]
        wallet = self.wallet(public_id)
        (found,) = wallet_holdings([wallet], now=clock.now(self.project), at=at)
        grants = [grant_body(holding) for holding in found.holdings]
        instant = AtQuery().fields["at"]
        shown = None if at is None else instant.to_representation(at)
        return Response({**wallet_body(found), "at": shown, "grants": grants})


class WalletGrants(WalletView):
    scopes = SCOPES
    needs_key = KEYED

    @extend_schema(parameters=[ListQuery], responses=GrantBody(many=True))
    def get(self, request: Request, public_id: str) -> Response:
        self.query(ListQuery)
        rows = grants_of(self.project).filter(wallet=self.wallet(public_id))
        now = clock.now(self.project)
        return self.listed(
            rows, lambda page: [grant_body(found) for found in holdings_of(page, now=now)]
        )

    @extend_schema(request=GrantRequest, responses={201: GrantBody, 202: AskedBody})
    def post(self, request: Request, public_id: str) -> Response:
        """Issue a credit. A paid one states money that came in already. Above an operator's limit
        it waits for a second person (202).
        """
        given = self.body(GrantRequest)
        wallet = self.wallet(public_id)
        now = clock.now(self.project)
        scope = given.pop("scope")
        reason = given.pop("reason")
        given.pop("recurs")
        credit = Credit(
            amount=_money(given.pop("amount"), wallet.currency),
            prices=tuple(scope["prices"]) if scope else (),
            wallet=wallet.public_id,
            **given,
        )
        done = issue_or_ask(
            customer=wallet.customer, credit=credit, reason=reason, actor=self.actor, at=now
        )
        return _asked(done) if isinstance(done, Asked) else Response(self.shown(done, now), 201)


class GrantDetail(WalletView):
    scopes = READ

    @extend_schema(responses=GrantBody)
    def get(self, request: Request, public_id: str) -> Response:
        return Response(self.shown(self.grant(public_id), clock.now(self.project)))


class GrantRevoke(WalletView):
    scopes = WRITE
    needs_key = KEYED

    @extend_schema(request=RevokeRequest, responses={200: RevokedBody, 202: AskedBody})
    def post(self, request: Request, public_id: str) -> Response:
        """Take back what is left of it or an amount of that, never what was used. Prepaid money
        goes to the customer balance, or is promised as a refund.
        """
        given = self.body(RevokeRequest)
        grant = self.grant(public_id)
        amount, now = given.pop("amount"), clock.now(self.project)
        done = revoke_or_ask(
            grant=grant,
            amount=None if amount is None else _money(amount, grant.currency),
            actor=self.actor,
            at=now,
            **given,
        )
        if isinstance(done, Asked):
            return _asked(done)
        return Response({**self.shown(self.grant(public_id), now), "revoked": done.amount})


class WalletEntries(WalletView):
    scopes = READ

    @extend_schema(parameters=[ListQuery], responses=MovementBody(many=True))
    def get(self, request: Request, public_id: str) -> Response:
        """Every movement of its grants, oldest first, with its document; who and why where a person
        or a key acted.
        """
        self.query(ListQuery)
        rows = wallet_transfers(self.wallet(public_id))
        return self.listed(rows, lambda page: movement_bodies(movements(self.project, page)))


class CustomerAdjustments(WalletView):
    scopes = WRITE
    needs_key = KEYED

    @extend_schema(request=AdjustmentRequest, responses={201: AdjustmentBody, 202: AskedBody})
    def post(self, request: Request, external_id: str) -> Response:
        """Give the customer balance an amount or take it back, never below what stands. What gives
        more than an operator's limit waits for a second person (202).
        """
        given = self.body(AdjustmentRequest)
        customer = self.customer(external_id)
        amount = _money(given["amount"], given["currency"])
        done = adjust_or_ask(
            customer=customer,
            amount=amount,
            reason=given["reason"],
            reason_code=given["reason_code"],
            actor=self.actor,
            at=clock.now(self.project),
        )
        if isinstance(done, Asked):
            return _asked(done)
        balance = balance_of(self.project, external_id, amount.currency)
        body = {
            "customer": external_id,
            **given,
            "amount": amount.amount,
            "balance": Money(balance, amount.currency).amount,
        }
        return Response(AdjustmentBody(body).data, status=201)
