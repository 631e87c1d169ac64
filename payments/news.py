"""What payments does on news of the outbox: at the edge, with the clock and the provider."""

from collections.abc import Mapping
from typing import Any

from neruba import clock
from neruba.models import Project
from payments.services.refunds import REQUESTED
from payments.services.sending import send_refund
from payments.stripe_gateway import stripe_gateway_of

REFUND_REQUESTED = REQUESTED


def send_requested_refund(project: Project, payload: Mapping[str, Any]) -> None:
    """Send a refund to the provider."""
    gateway = stripe_gateway_of(project)
    send_refund(project, payload["refund"], gateway=gateway, at=clock.now(project))
