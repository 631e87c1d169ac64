"""Wallets, grants and movements as callers see them, and what they send."""

from collections.abc import Iterable
from typing import Any

from rest_framework import serializers

from ledger.ids import ENTRY, public_id
from ledger.models import Grant, Wallet
from ledger.reasons import REASONS
from ledger.selectors.holdings import Holding, WalletHolding
from ledger.selectors.movements import Movement
from neruba.api.base import ListQuery
from neruba.api.fields import Amount, Currency, Identifier, Instant, Strict, Text, Whole
from neruba.errors import UnsupportedError
from neruba.money import Money

MAX_REASON = 500
MAX_PRICES = 100
STATES = ["active", "upcoming", "frozen", "used", "expired", "revoked"]


class Unsupported(serializers.JSONField):
    """A member of the contract that this version takes as null alone."""

    def __init__(self, pointer: str) -> None:
        self.pointer = pointer
        super().__init__(
            required=False, allow_null=True, default=None, help_text="Null: not supported yet."
        )

    def to_internal_value(self, data: Any) -> Any:
        raise UnsupportedError("This version takes null alone here.", pointer=self.pointer)


class WalletRequest(Strict):
    customer = Identifier()
    name = Text(max_length=255)
    currency = Currency(required=False)
    auto_top_up = Unsupported("/auto_top_up")


class WalletQuery(ListQuery):
    customer = Identifier(required=False)


class ScopeBody(Strict):
    prices = serializers.ListField(
        child=Identifier(), allow_empty=False, max_length=MAX_PRICES, help_text="Codes of prices."
    )


class GrantRequest(Strict):
    amount = Amount()
    kind = serializers.ChoiceField(choices=Grant.Kind.choices)
    priority = Whole(required=False, default=50, min_value=0, max_value=255)
    effective_at = Instant(required=False, allow_null=True, default=None)
    expires_at = Instant(required=False, allow_null=True, default=None)
    scope = ScopeBody(required=False, allow_null=True, default=None)
    reason = Text(max_length=MAX_REASON)
    reason_code = serializers.ChoiceField(choices=list(REASONS), required=False, default="other")
    recurs = Unsupported("/recurs")


class RevokeRequest(Strict):
    amount = Amount(required=False, allow_null=True, default=None)
    reason = Text(max_length=MAX_REASON)
    reason_code = serializers.ChoiceField(choices=list(REASONS), required=False, default="other")
    settle = serializers.ChoiceField(
        choices=["balance", "refund"], required=False, default="balance"
    )


class AdjustmentRequest(Strict):
    amount = Amount(help_text="Above zero to give, below zero to take back.")
    currency = Currency()
    reason_code = serializers.ChoiceField(choices=list(REASONS))
    reason = Text(max_length=MAX_REASON, required=False, default="", allow_blank=True)


class AskedBody(serializers.Serializer[Any]):
    """Above the operator's limit: somebody else decides."""

    approval = serializers.CharField()


class GrantBody(serializers.Serializer[Any]):
    id = serializers.CharField()
    wallet = serializers.CharField()
    customer = serializers.CharField()
    kind = serializers.ChoiceField(choices=Grant.Kind.choices)
    currency = serializers.CharField()
    amount = serializers.CharField(help_text="What was granted.")
    balance = serializers.CharField(help_text="What is left of it.")
    spendable = serializers.CharField(help_text="What of that an invoice of now could draw.")
    state = serializers.ChoiceField(choices=STATES)
    priority = serializers.IntegerField()
    effective_at = Instant()
    expires_at = Instant(allow_null=True)
    scope = serializers.DictField(allow_null=True)
    reason_code = serializers.CharField()
    reason = serializers.CharField()
    granted_by = serializers.CharField()
    frozen_by = serializers.CharField(allow_null=True, help_text="The dispute that freezes it.")
    recurs = serializers.DictField(allow_null=True)
    created_at = Instant()


class WalletBody(serializers.Serializer[Any]):
    id = serializers.CharField()
    customer = serializers.CharField()
    name = serializers.CharField()
    currency = serializers.CharField()
    auto_top_up = serializers.DictField(allow_null=True)
    balance = serializers.CharField(help_text="What is left of all of its grants.")
    spendable = serializers.CharField(
        help_text="Less what is frozen or not effective yet: what an invoice could draw."
    )
    created_at = Instant()


class WalletDetailBody(WalletBody):
    at = Instant(allow_null=True)
    grants = GrantBody(many=True, help_text="Those of which something is left.")


class MovementBody(serializers.Serializer[Any]):
    transaction = serializers.CharField()
    operation = serializers.CharField(help_text="What happened, such as grant.issue.")
    occurred_at = Instant()
    recorded_at = Instant()
    grant = serializers.CharField()
    amount = serializers.CharField(help_text="Below zero where it left the wallet.")
    currency = serializers.CharField()
    document = serializers.CharField(allow_null=True, help_text="As the ledger names it.")
    invoice = serializers.CharField(allow_null=True, help_text="The id of the invoice.")
    actor = serializers.CharField(allow_null=True, help_text="Who did it; null: the system.")
    reason = serializers.CharField(allow_null=True)


class AdjustmentBody(serializers.Serializer[Any]):
    customer = serializers.CharField()
    amount = serializers.CharField()
    currency = serializers.CharField()
    balance = serializers.CharField(help_text="The customer balance after it.")
    reason_code = serializers.CharField()
    reason = serializers.CharField()


class RevokedBody(GrantBody):
    revoked = serializers.CharField(help_text="How much was taken back just now.")


def grant_body(holding: Holding) -> dict[str, Any]:
    grant = holding.grant

    def amount(minor: int) -> str:
        return Money(minor, grant.currency).amount

    body = {
        "id": grant.public_id,
        "wallet": grant.wallet.public_id,
        "customer": grant.wallet.customer.external_id,
        "kind": grant.kind,
        "currency": grant.currency,
        "amount": amount(grant.amount_minor),
        "balance": amount(holding.left_minor),
        "spendable": amount(holding.spendable_minor),
        "state": holding.state,
        "priority": grant.priority,
        "effective_at": grant.effective_at,
        "expires_at": grant.expires_at,
        "scope": {"prices": grant.prices} if grant.prices else None,
        "reason_code": grant.reason_code,
        "reason": grant.reason,
        "granted_by": grant.granted_by,
        "frozen_by": grant.frozen_by or None,
        "recurs": None,
        "created_at": grant.created_at,
    }
    return GrantBody(body).data


def wallet_body(found: WalletHolding) -> dict[str, Any]:
    wallet: Wallet = found.wallet
    body = {
        "id": wallet.public_id,
        "customer": wallet.customer.external_id,
        "name": wallet.name,
        "currency": wallet.currency,
        "auto_top_up": None,
        "balance": Money(found.balance_minor, wallet.currency).amount,
        "spendable": Money(found.spendable_minor, wallet.currency).amount,
        "created_at": wallet.created_at,
    }
    return WalletBody(body).data


def movement_bodies(found: Iterable[Movement]) -> list[dict[str, Any]]:
    return [MovementBody(_movement(one)).data for one in found]


def _movement(one: Movement) -> dict[str, Any]:
    entry, document = one.transfer.entry, one.document
    is_invoice = document is not None and document.kind == "invoice"
    return {
        "transaction": public_id(ENTRY, entry.pk),
        "operation": entry.kind,
        "occurred_at": entry.occurred_at,
        "recorded_at": entry.recorded_at,
        "grant": one.account.sub,
        "amount": one.amount.amount,
        "currency": one.amount.currency,
        "document": one.transfer.document or None,
        "invoice": document.public_id if document is not None and is_invoice else None,
        "actor": one.by.actor if one.by else None,
        "reason": one.by.reason if one.by else None,
    }
