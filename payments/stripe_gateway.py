"""The port to the payment provider, on Stripe. The only module that imports its library."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import stripe
from django.conf import settings

from neruba.models import Project, ProjectSecret
from neruba.money import Money
from neruba.services.secrets import secret_of
from payments.errors import (
    ProviderKeyRefusedError,
    ProviderNotConfiguredError,
    ProviderNotFoundError,
    ProviderRefusedError,
    ProviderUnavailableError,
)
from payments.gateway import (
    BalanceMovement,
    ChargeData,
    CheckoutData,
    CheckoutRequest,
    DisputeData,
    PaymentData,
    PayoutData,
    ProviderEventData,
    RefundData,
)
from payments.stripe_amounts import from_stripe_minor, to_stripe_minor
from payments.stripe_events import event_of, parse_stripe_event

# Named, so that an update of the library does not change what arrives.
STRIPE_VERSION = "2026-10-28.endive"
CONNECT_TIMEOUT_S = 5
READ_TIMEOUT_S = 25
NETWORK_RETRIES = 2
PAGE = 100
# Another request with the same idempotency key is at work, or there were too many.
COME_AGAIN = (409, 429)
SERVER_ERROR = 500


def stripe_gateway_of(project: Project) -> "StripeGateway":
    """The project's account. Raises ProviderNotConfiguredError where it has no API key."""
    key = secret_of(project, ProjectSecret.Name.STRIPE_API_KEY)
    if key is None:
        raise ProviderNotConfiguredError(
            "Set the project's secret stripe_api_key to take payments through Stripe."
        )
    return StripeGateway(api_key=key, api_base=settings.STRIPE_API_BASE)


class StripeGateway:
    """One Stripe account; see PaymentGateway. `api_base` empty: Stripe's own address."""

    def __init__(
        self,
        *,
        api_key: str,
        api_base: str = "",
        network_retries: int = NETWORK_RETRIES,
        read_timeout_s: int = READ_TIMEOUT_S,
    ) -> None:
        self._stripe = stripe.StripeClient(
            api_key,
            stripe_version=STRIPE_VERSION,
            base_addresses={"api": api_base} if api_base else None,
            max_network_retries=network_retries,
            http_client=stripe.RequestsClient(timeout=(CONNECT_TIMEOUT_S, read_timeout_s)),
        ).v1

    def create_checkout_session(
        self, request: CheckoutRequest, *, idempotency_key: str
    ) -> CheckoutData:
        metadata = dict(request.metadata)
        params: stripe.params.checkout.SessionCreateParams = {
            "mode": "payment",
            "line_items": [
                {
                    "price_data": {
                        "currency": request.amount.currency.lower(),
                        "unit_amount": to_stripe_minor(request.amount),
                        "product_data": {"name": request.description},
                    },
                    "quantity": 1,
                }
            ],
            "client_reference_id": request.reference,
            "success_url": request.success_url,
            "cancel_url": request.cancel_url,
            "metadata": metadata,
            "payment_intent_data": {"description": request.description, "metadata": metadata},
        }
        if request.customer_email:
            params["customer_email"] = request.customer_email
        if request.expires_at is not None:
            params["expires_at"] = int(request.expires_at.timestamp())
        with _their_errors():
            made = self._stripe.checkout.sessions.create(
                params, {"idempotency_key": idempotency_key}
            )
        return _checkout(made)

    def retrieve_checkout_session(self, session_id: str) -> CheckoutData:
        with _their_errors():
            return _checkout(self._stripe.checkout.sessions.retrieve(session_id))

    def expire_checkout_session(self, session_id: str) -> CheckoutData:
        with _their_errors():
            return _checkout(self._stripe.checkout.sessions.expire(session_id))

    def retrieve_payment(self, payment_id: str) -> PaymentData:
        with _their_errors():
            found = self._stripe.payment_intents.retrieve(
                payment_id, {"expand": ["latest_charge.balance_transaction"]}
            )
        return _payment(found)

    def create_refund(
        self,
        *,
        payment_id: str,
        amount: Money,
        metadata: Mapping[str, str],
        idempotency_key: str,
    ) -> RefundData:
        with _their_errors():
            made = self._stripe.refunds.create(
                {
                    "payment_intent": payment_id,
                    "amount": to_stripe_minor(amount),
                    "metadata": dict(metadata),
                },
                {"idempotency_key": idempotency_key},
            )
        return _refund(made)

    def retrieve_refund(self, refund_id: str) -> RefundData:
        with _their_errors():
            return _refund(self._stripe.refunds.retrieve(refund_id))

    def retrieve_dispute(self, dispute_id: str) -> DisputeData:
        with _their_errors():
            return _dispute(self._stripe.disputes.retrieve(dispute_id))

    def list_refunds(self, payment_id: str) -> Iterator[RefundData]:
        params: stripe.params.RefundListParams = {"limit": PAGE, "payment_intent": payment_id}
        with _their_errors():
            for row in self._stripe.refunds.list(params).auto_paging_iter():
                yield _refund(row)

    def list_disputes(self, payment_id: str) -> Iterator[DisputeData]:
        params: stripe.params.DisputeListParams = {"limit": PAGE, "payment_intent": payment_id}
        with _their_errors():
            for row in self._stripe.disputes.list(params).auto_paging_iter():
                yield _dispute(row)

    def retrieve_payout(self, payout_id: str) -> PayoutData:
        with _their_errors():
            return _payout(self._stripe.payouts.retrieve(payout_id))

    def list_balance_transactions(
        self,
        *,
        created_from: datetime | None = None,
        created_to: datetime | None = None,
        payout_id: str = "",
    ) -> Iterator[BalanceMovement]:
        params: stripe.params.BalanceTransactionListParams = {"limit": PAGE}
        if created_from or created_to:
            params["created"] = _within(created_from, created_to)
        if payout_id:
            params["payout"] = payout_id
        with _their_errors():
            page = self._stripe.balance_transactions.list(params)
            for row in page.auto_paging_iter():
                yield _movement(row)

    def list_payouts(
        self, *, created_from: datetime | None = None, created_to: datetime | None = None
    ) -> Iterator[PayoutData]:
        params: stripe.params.PayoutListParams = {"limit": PAGE}
        if created_from or created_to:
            params["created"] = _within(created_from, created_to)
        with _their_errors():
            for row in self._stripe.payouts.list(params).auto_paging_iter():
                yield _payout(row)

    def list_events(
        self, *, since: datetime, types: Sequence[str] = ()
    ) -> Iterator[ProviderEventData]:
        params: stripe.params.EventListParams = {
            "limit": PAGE,
            "created": {"gte": int(since.timestamp())},
        }
        if types:
            params["types"] = list(types)
        with _their_errors():
            for row in self._stripe.events.list(params).auto_paging_iter():
                yield event_of(row.to_dict())

    def parse_event(
        self, payload: bytes, *, signature: str, secrets: Sequence[str], now: datetime
    ) -> ProviderEventData:
        return parse_stripe_event(payload, signature=signature, secrets=secrets, now=now)


@contextmanager
def _their_errors() -> Iterator[None]:
    """Stripe's errors as ours: what may have happened, and what has not."""
    try:
        yield
    except stripe.APIConnectionError as error:
        raise ProviderUnavailableError("Stripe could not be reached, or did not answer.") from error
    except (stripe.AuthenticationError, stripe.PermissionError) as error:
        raise ProviderKeyRefusedError(_words(error), provider_code=error.code or "") from error
    except stripe.StripeError as error:
        status = error.http_status or SERVER_ERROR
        if status >= SERVER_ERROR or status in COME_AGAIN:
            raise ProviderUnavailableError(f"Stripe answered {status}.") from error
        kind = ProviderNotFoundError if error.code == "resource_missing" else ProviderRefusedError
        code = error.code or getattr(error.error, "type", None) or ""
        raise kind(_words(error), provider_code=code) from error


def _words(error: stripe.StripeError) -> str:
    return error.user_message or "Stripe gave no reason."


def _within(created_from: datetime | None, created_to: datetime | None) -> Any:
    bounds = {}
    if created_from:
        bounds["gte"] = int(created_from.timestamp())
    if created_to:
        bounds["lt"] = int(created_to.timestamp())
    return bounds


def _at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _id_of(reference: Any) -> str | None:
    """The id of a field that is an id, an expanded object, or null."""
    return reference if reference is None or isinstance(reference, str) else str(reference.id)


def _metadata(row: Any) -> dict[str, str]:
    return {} if row.metadata is None else {k: str(v) for k, v in row.metadata.to_dict().items()}


def _checkout(row: stripe.checkout.Session) -> CheckoutData:
    # A session of the mode `payment` has a total.
    assert row.amount_total is not None
    assert row.currency is not None
    return CheckoutData(
        id=row.id,
        status=row.status or "open",
        payment_status=row.payment_status,
        amount=from_stripe_minor(row.amount_total, row.currency),
        url=row.url,
        payment_id=_id_of(row.payment_intent),
        reference=row.client_reference_id,
        expires_at=_at(row.expires_at),
        metadata=_metadata(row),
    )


def _payment(row: stripe.PaymentIntent) -> PaymentData:
    failure = row.last_payment_error
    charge = row.latest_charge
    assert not isinstance(charge, str), "the charge was asked for with the payment"
    return PaymentData(
        id=row.id,
        status=row.status,
        amount=from_stripe_minor(row.amount, row.currency),
        received=from_stripe_minor(row.amount_received, row.currency),
        charge=None if charge is None else _charge(charge),
        failure_code=_text(failure, "code"),
        failure_message=_text(failure, "message"),
        created_at=_at(row.created),
        metadata=_metadata(row),
    )


def _text(row: Any, name: str) -> str:
    """A text that may be absent, as fields of Stripe's errors and failures are."""
    return getattr(row, name, None) or ""


def _charge(row: stripe.Charge) -> ChargeData:
    moved = row.balance_transaction
    assert not isinstance(moved, str), "the movement was asked for with the charge"
    return ChargeData(
        id=row.id,
        status=row.status,
        amount=from_stripe_minor(row.amount, row.currency),
        captured=from_stripe_minor(row.amount_captured, row.currency),
        refunded=from_stripe_minor(row.amount_refunded, row.currency),
        is_disputed=row.disputed,
        failure_code=row.failure_code or "",
        failure_message=row.failure_message or "",
        movement=None if moved is None else _movement(moved),
    )


def _movement(row: stripe.BalanceTransaction) -> BalanceMovement:
    return BalanceMovement(
        id=row.id,
        kind=row.type,
        category=row.reporting_category,
        amount=from_stripe_minor(row.amount, row.currency),
        fee=from_stripe_minor(row.fee, row.currency),
        net=from_stripe_minor(row.net, row.currency),
        source_id=_id_of(row.source),
        created_at=_at(row.created),
        available_at=_at(row.available_on),
        description=row.description or "",
    )


def _refund(row: stripe.Refund) -> RefundData:
    return RefundData(
        id=row.id,
        status=row.status or "",
        amount=from_stripe_minor(row.amount, row.currency),
        payment_id=_id_of(row.payment_intent),
        charge_id=_id_of(row.charge),
        movement_id=_id_of(row.balance_transaction),
        failure_reason=_text(row, "failure_reason"),
        created_at=_at(row.created),
        metadata=_metadata(row),
    )


def _dispute(row: stripe.Dispute) -> DisputeData:
    due_by = row.evidence_details.due_by
    charge_id = _id_of(row.charge)
    assert charge_id is not None
    return DisputeData(
        id=row.id,
        status=row.status,
        reason=row.reason,
        amount=from_stripe_minor(row.amount, row.currency),
        payment_id=_id_of(row.payment_intent),
        charge_id=charge_id,
        respond_by=None if due_by is None else _at(due_by),
        created_at=_at(row.created),
        movements=tuple(_movement(one) for one in row.balance_transactions),
    )


def _payout(row: stripe.Payout) -> PayoutData:
    return PayoutData(
        id=row.id,
        status=row.status,
        amount=from_stripe_minor(row.amount, row.currency),
        is_automatic=row.automatic,
        arrives_at=_at(row.arrival_date),
        created_at=_at(row.created),
        movement_id=_id_of(row.balance_transaction),
        failure_code=row.failure_code or "",
    )
