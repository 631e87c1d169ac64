"""See README.md beside this file."""

from django.apps import AppConfig


class LedgerConfig(AppConfig):
    name = "ledger"
