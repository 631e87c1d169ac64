"""Sending refunds to the provider, once they stand in the books. Called outside of transactions."""

from datetime import datetime
from functools import partial

from neruba.edge import run_atomic
from neruba.locks import lock_customer
from neruba.models import Project
from neruba.money import Money
from payments.errors import ProviderRefusedError
from payments.gateway import PaymentGateway
from payments.locks import lock_payment
from payments.models import Refund
from payments.provider import look_at_payment
from payments.services.intents import work_on_payment
from payments.services.posting import Moment
from payments.services.refund_facts import drop_refund


def send_refund(project: Project, public_id: str, *, gateway: PaymentGateway, at: datetime) -> None:
    """Ask the provider for a refund that is not there yet, and book how it stands. It may be sent
    again: its own id is the idempotency key, and stands in its metadata.

    One that the provider refuses has failed: what was to be paid out is customer balance. Raises
    ProviderUnavailableError, after which it is sent again.
    """
    refund = Refund.objects.select_related("payment").get(project=project, public_id=public_id)
    if refund.state != Refund.State.PENDING:
        return
    payment = refund.payment.provider_id
    # The provider forgets idempotency keys after a day, and a person may send it again later.
    made = {one.metadata.get("neruba_refund") for one in gateway.list_refunds(payment)}
    if public_id not in made:
        try:
            gateway.create_refund(
                payment_id=payment,
                amount=Money(refund.amount_minor, refund.currency),
                metadata={"neruba_project": project.slug, "neruba_refund": public_id},
                idempotency_key=f"neruba:{public_id}",
            )
        except ProviderRefusedError as error:
            run_atomic(partial(_refused, refund.pk, error.detail, at))
            return
    found = look_at_payment(gateway, payment)
    run_atomic(partial(work_on_payment, project, found, at=at))


def _refused(pk: int, cause: str, at: datetime) -> None:
    refund = Refund.objects.select_related("payment__customer").get(pk=pk)
    if refund.payment.customer is not None:
        lock_customer(refund.payment.customer)
    lock_payment(refund.payment_id)
    refund = Refund.objects.select_related("project", "payment__customer").get(pk=pk)
    if refund.state == Refund.State.PENDING and not refund.provider_id:
        drop_refund(refund, cause=cause, when=Moment(at, at))
