"""See README.md beside this file."""

from django.apps import AppConfig


class SupportConfig(AppConfig):
    name = "support"
