"""See README.md beside this file."""

from django.apps import AppConfig


class PaymentsConfig(AppConfig):
    name = "payments"
