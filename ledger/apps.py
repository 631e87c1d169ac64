"""See README.md beside this file."""

from django.apps import AppConfig


class LedgerConfig(AppConfig):
    name = "ledger"

    def ready(self) -> None:
        from ledger.selectors.wallets import next_expiry
        from ledger.services.asked import KINDS
        from ledger.services.wallets import expire_grants
        from neruba.approvals import register_kind
        from neruba.due import DueKind, register

        register(DueKind("grants", next_expiry, expire_grants))
        for kind in KINDS:
            register_kind(kind)
