"""Events of Stripe: verified over the raw bytes, read. Makes no call and needs no API key."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import stripe

from payments.errors import InvalidEventError, InvalidSignatureError
from payments.gateway import ProviderEventData

TOLERANCE_S = 300


def parse_stripe_event(
    payload: bytes, *, signature: str, secrets: Sequence[str], now: datetime
) -> ProviderEventData:
    """PaymentGateway.parse_event, for which no API key is needed."""
    if not any(_is_signed_by(payload, signature, secret) for secret in secrets):
        raise InvalidSignatureError("No signature fits the message and the signing secret.")
    # The library would compare with its own clock; the first `t` is the one that was signed.
    stamps = [part.split("=")[1] for part in signature.split(",") if part.startswith("t=")]
    if int(stamps[0]) < now.timestamp() - TOLERANCE_S:
        raise InvalidSignatureError(f"The message was signed more than {TOLERANCE_S} s ago.")
    try:
        content = json.loads(payload)
        return event_of(content)
    except (ValueError, KeyError, TypeError, OverflowError, OSError) as error:
        raise InvalidEventError("The content is no event with its object.") from error


def _is_signed_by(payload: bytes, signature: str, secret: str) -> bool:
    if not signature.isascii():
        return False  # the library compares texts, and fails on others
    try:
        stripe.WebhookSignature.verify_header(payload, signature, secret)
    except (stripe.SignatureVerificationError, UnicodeError):
        return False
    return True


def event_of(content: Any) -> ProviderEventData:
    """An event of Stripe's JSON. Raises ValueError, KeyError or TypeError where it is none."""
    if content["object"] != "event":
        raise ValueError(f"not an event but {content['object']}")
    about = content["data"]["object"]
    return ProviderEventData(
        id=str(content["id"]),
        type=str(content["type"]),
        created_at=datetime.fromtimestamp(content["created"], UTC),
        api_version=content["api_version"] or "",
        object_kind=str(about["object"]),
        # A balance has no id.
        object_id=str(about.get("id") or ""),
        object=about,
    )
