"""What payments does on news of the outbox: at the edge, with the clock and the provider."""

from collections.abc import Mapping
from typing import Any

from neruba import clock
from neruba.models import Project
from neruba.period import parse_instant
from payments.services.refunds import REQUESTED
from payments.services.sending import send_refund
from payments.services.transactions import REQUESTED as FETCH_REQUESTED
from payments.services.transactions import fetch_transactions
from payments.stripe_gateway import stripe_gateway_of

REFUND_REQUESTED = REQUESTED
TRANSACTIONS_REQUESTED = FETCH_REQUESTED


def send_requested_refund(project: Project, payload: Mapping[str, Any]) -> None:
    """Send a refund to the provider."""
    gateway = stripe_gateway_of(project)
    send_refund(project, payload["refund"], gateway=gateway, at=clock.now(project))


def fetch_requested_transactions(project: Project, payload: Mapping[str, Any]) -> None:
    """Fetch what the provider booked in the time asked for."""
    fetch_transactions(
        project,
        gateway=stripe_gateway_of(project),
        since=parse_instant(payload["from"]),
        to=parse_instant(payload["to"]),
        wall=clock.wall(),
    )
