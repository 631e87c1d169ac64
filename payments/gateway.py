"""What Neruba asks of a payment provider, and what it gets: the port, free of provider's libraries.

Three rules hold for every implementation:

- It is called outside database transactions.
- What moves money takes an idempotency key, made from the operation's own key. After
  ProviderUnavailableError nobody knows whether it happened. It is never assumed: the same call with
  the same key and content is repeated, and the provider answers with what happened then, or does it
  now. Stripe keeps keys for 24 hours at least; after that, the objects are looked for by their
  metadata.
- Amounts are Money in ISO 4217 minor units; the provider's own units stay behind the adapter.

Every call may raise ProviderUnavailableError, ProviderRefusedError and its subclasses. The order in
which things are listed is the provider's: newest first.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from neruba.money import Money


@dataclass(frozen=True, slots=True)
class CheckoutRequest:
    """A page on which a payer pays one amount once.

    `reference` is ours for the payer's benefit; `metadata` (our ids, texts) stands on the session
    and on its payment. `customer_email` fills the form. `expires_at` is 30 minutes to 24 hours from
    now; None leaves it to the provider (24 hours).
    """

    amount: Money
    description: str
    success_url: str
    cancel_url: str
    reference: str
    metadata: Mapping[str, str]
    customer_email: str = ""
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class CheckoutData:
    """`status`: open, complete, expired. `payment_status`: paid, unpaid, no_payment_required; a
    complete session is unpaid while a bank debit is under way. `url` is there while it is open.
    """

    id: str
    status: str
    payment_status: str
    amount: Money
    url: str | None
    payment_id: str | None
    reference: str | None
    expires_at: datetime
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class BalanceMovement:
    """One row of the provider's account with us: net = amount - fee, signed from our side.

    `kind` is the provider's type (charge, payment, refund, adjustment, payout, …), `category` what
    it is reported as (charge, refund, dispute, dispute_reversal, payout, …), `source_id` the object
    that it is of.
    """

    id: str
    kind: str
    category: str
    amount: Money
    fee: Money
    net: Money
    source_id: str | None
    created_at: datetime
    available_at: datetime
    description: str


@dataclass(frozen=True, slots=True)
class ChargeData:
    """One attempt to take money. `movement` is None until the provider has booked it, which may be
    after the news of the success.
    """

    id: str
    status: str
    amount: Money
    captured: Money
    refunded: Money
    is_disputed: bool
    failure_code: str
    failure_message: str
    movement: BalanceMovement | None


@dataclass(frozen=True, slots=True)
class PaymentData:
    """`status`: requires_payment_method, requires_confirmation, requires_action, processing,
    requires_capture, canceled, succeeded. The failure is that of the last attempt.
    """

    id: str
    status: str
    amount: Money
    received: Money
    charge: ChargeData | None
    failure_code: str
    failure_message: str
    created_at: datetime
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RefundData:
    """`status`: pending, requires_action, succeeded, failed, canceled; succeeded can still fail."""

    id: str
    status: str
    amount: Money
    payment_id: str | None
    charge_id: str | None
    movement_id: str | None
    failure_reason: str
    created_at: datetime
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class DisputeData:
    """`status`: needs_response, under_review, won, lost, or those of an inquiry, which moves no
    money: warning_needs_response, warning_under_review, warning_closed.
    """

    id: str
    status: str
    reason: str
    amount: Money
    payment_id: str | None
    charge_id: str
    respond_by: datetime | None
    created_at: datetime
    movements: tuple[BalanceMovement, ...]

    @property
    def is_inquiry(self) -> bool:
        """Whether the bank only asks."""
        return self.status.startswith("warning_")


@dataclass(frozen=True, slots=True)
class PayoutData:
    """`status`: pending, in_transit, paid, canceled, failed; paid can still fail. Only an automatic
    payout lists its movements.
    """

    id: str
    status: str
    amount: Money
    is_automatic: bool
    arrives_at: datetime
    created_at: datetime
    movement_id: str | None
    failure_code: str


@dataclass(frozen=True, slots=True)
class ProviderEventData:
    """News of the provider. `object` is its JSON as it was then, in the provider's units: good for
    identifying; what is true now is asked for, since events come late and in any order.
    """

    id: str
    type: str
    created_at: datetime
    api_version: str
    object_kind: str
    object_id: str
    object: Mapping[str, Any] = field(repr=False, compare=False)


class PaymentGateway(Protocol):
    """One project's account with a payment provider."""

    def create_checkout_session(
        self, request: CheckoutRequest, *, idempotency_key: str
    ) -> CheckoutData:
        """Open a page to pay. Raises AmountNotPayableError where the provider cannot state it."""

    def retrieve_checkout_session(self, session_id: str) -> CheckoutData:
        """The session as it is now."""

    def expire_checkout_session(self, session_id: str) -> CheckoutData:
        """Close an open session: it cannot be paid any more. Raises ProviderRefusedError where it
        is not open, and then it is read to learn whether it was paid.
        """

    def retrieve_payment(self, payment_id: str) -> PaymentData:
        """The payment as it is now, with its last charge and the fee of it."""

    def create_refund(
        self,
        *,
        payment_id: str,
        amount: Money,
        metadata: Mapping[str, str],
        idempotency_key: str,
    ) -> RefundData:
        """Give back a part of a payment or all of it. Refused where more than what is left."""

    def retrieve_refund(self, refund_id: str) -> RefundData:
        """The refund as it is now."""

    def retrieve_dispute(self, dispute_id: str) -> DisputeData:
        """The dispute as it is now, with what it moved."""

    def list_refunds(self, payment_id: str) -> Iterator[RefundData]:
        """All refunds of a payment, newest first."""

    def list_disputes(self, payment_id: str) -> Iterator[DisputeData]:
        """All disputes of a payment, with what they moved, newest first."""

    def retrieve_payout(self, payout_id: str) -> PayoutData:
        """The payout as it is now."""

    def list_balance_transactions(
        self,
        *,
        created_from: datetime | None = None,
        created_to: datetime | None = None,
        payout_id: str = "",
    ) -> Iterator[BalanceMovement]:
        """Movements of a time [from, to), or of an automatic payout with the payout's own row; all
        pages, newest first.
        """

    def list_payouts(
        self, *, created_from: datetime | None = None, created_to: datetime | None = None
    ) -> Iterator[PayoutData]:
        """Payouts that were started in a time [from, to), newest first."""

    def list_events(
        self, *, since: datetime, types: Sequence[str] = ()
    ) -> Iterator[ProviderEventData]:
        """Events from `since` on, newest first, for a sweep that finds what never arrived; Stripe
        keeps them for 30 days.
        """

    def parse_event(
        self, payload: bytes, *, signature: str, secrets: Sequence[str], now: datetime
    ) -> ProviderEventData:
        """The event of a webhook, verified over its raw bytes; one of the secrets must have signed
        it, not more than 300 s before `now` (the real time). Makes no call.

        Raises InvalidSignatureError, and InvalidEventError for signed content that is no event.
        """
