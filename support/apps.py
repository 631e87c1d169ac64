"""See README.md beside this file."""

from django.apps import AppConfig
from django.conf import settings


class SupportConfig(AppConfig):
    name = "support"

    def ready(self) -> None:
        from billing.services.runs import COMPLETED
        from neruba.outbox import Handler, register_handler
        from support.services.alerts import mail_parked_customers

        if settings.ALERTS_TO:
            register_handler(Handler(COMPLETED, "mail", mail_parked_customers, external=True))
