"""See README.md beside this file."""

from django.apps import AppConfig


class BillingConfig(AppConfig):
    name = "billing"
