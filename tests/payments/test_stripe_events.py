"""Webhooks at the port: verified over raw bytes, with the time that is passed."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stripe

from payments.errors import InvalidEventError, InvalidSignatureError
from payments.gateway import ProviderEventData
from payments.stripe_events import parse_stripe_event

SECRET, OTHER = "whsec_one", "whsec_two"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
EVENT = {
    "id": "evt_1",
    "object": "event",
    "api_version": "2026-10-28.endive",
    "created": 1_772_366_400,
    "type": "charge.refunded",
    "data": {"object": {"id": "ch_1", "object": "charge", "amount": 5}},
}
BODY = json.dumps(EVENT).encode()


def signed(body: bytes = BODY, secret: str = SECRET, at: datetime = NOW) -> str:
    header: str = stripe.WebhookSignature.generate_signature_header(
        body.decode(), secret, int(at.timestamp())
    )
    return header


def parsed(body: bytes = BODY, **changed: Any) -> ProviderEventData:
    given: dict[str, Any] = {"signature": signed(body), "secrets": [SECRET], "now": NOW}
    return parse_stripe_event(body, **{**given, **changed})


def test_a_signed_event_is_read() -> None:
    event = parsed()

    assert (event.id, event.type, event.api_version) == (
        "evt_1",
        "charge.refunded",
        "2026-10-28.endive",
    )
    assert (event.object_kind, event.object_id) == ("charge", "ch_1")
    assert event.created_at == datetime.fromtimestamp(1_772_366_400, UTC)
    assert event.object["amount"] == 5


def test_any_of_several_secrets_and_signatures_suffices() -> None:
    old, new = signed(secret=OTHER).split(",")[1], signed()

    assert parsed(secrets=[OTHER, SECRET]).id == "evt_1"
    assert parsed(signature=f"{new},{old}", secrets=[OTHER]).id == "evt_1"


@pytest.mark.parametrize(
    "header",
    [
        *("", "t=1", "v1=abc", "t=x,v1=abc", "nonsense", "t=1,v0=abc"),
        signed(secret=OTHER),
        signed().replace("v1=", "v0="),
        signed(at=NOW - timedelta(seconds=301)),
        signed(b"{}"),
    ],
)
def test_a_wrong_missing_or_old_signature_is_refused(header: str) -> None:
    with pytest.raises(InvalidSignatureError) as raised:
        parsed(signature=header)
    assert raised.value.status == 400


def test_the_last_second_counts() -> None:
    assert parsed(signature=signed(at=NOW - timedelta(seconds=300))).id == "evt_1"


def test_the_time_that_is_passed_counts_and_not_the_signed_later_one() -> None:
    """A fresh `t` in front of an old signature is another message."""
    old = signed(at=NOW - timedelta(hours=1))
    fresh = f"t={int(NOW.timestamp())},{old}"
    behind = f"{old},t={int(NOW.timestamp())}"

    for header in (fresh, behind):
        with pytest.raises(InvalidSignatureError):
            parsed(signature=header)


@pytest.mark.parametrize("secrets", [[], [""]])
def test_without_a_secret_nothing_is_accepted(secrets: list[str]) -> None:
    with pytest.raises(InvalidSignatureError):
        parsed(secrets=secrets)


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(InvalidSignatureError):
        parse_stripe_event(b"\xff", signature=signed(), secrets=[SECRET], now=NOW)


@pytest.mark.parametrize(
    "body",
    [
        b"no json",
        b"[]",
        b"null",
        b"{}",
        b'{"object": "v2.core.event", "id": "evt_1"}',
        json.dumps({**EVENT, "data": {}}).encode(),
        json.dumps({**EVENT, "created": "now"}).encode(),
        json.dumps({**EVENT, "created": 10**20}).encode(),
        json.dumps({**EVENT, "data": {"object": "ch_1"}}).encode(),
    ],
)
def test_signed_content_that_is_no_event_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidEventError):
        parsed(body)
