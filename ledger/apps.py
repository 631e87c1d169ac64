"""See README.md beside this file."""

from django.apps import AppConfig


class LedgerConfig(AppConfig):
    name = "ledger"

    def ready(self) -> None:
        from ledger.selectors.wallets import next_expiry
        from ledger.services.wallets import expire_grants
        from neruba.due import DueKind, register

        register(DueKind("grants", next_expiry, expire_grants))
