"""See README.md beside this file."""

from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    name = "payments"

    def ready(self) -> None:
        from neruba.ops.gauges import register_gauges
        from neruba.outbox import Handler, register_handler
        from payments.gauges import payment_gauges
        from payments.news import (
            REFUND_REQUESTED,
            TRANSACTIONS_REQUESTED,
            fetch_requested_transactions,
            send_requested_refund,
        )

        register_gauges(payment_gauges)
        register_handler(Handler(REFUND_REQUESTED, "stripe", send_requested_refund, external=True))
        fetch = Handler(
            TRANSACTIONS_REQUESTED, "stripe", fetch_requested_transactions, external=True
        )
        register_handler(fetch)
