"""The platform."""

import importlib

from django.apps import AppConfig
from django.db.models.signals import post_migrate


def _install_triggers(using: str, **_kwargs: object) -> None:
    from neruba.append_only import install_triggers

    install_triggers(using)


class NerubaConfig(AppConfig):
    name = "neruba"
    verbose_name = "Platform"

    def ready(self) -> None:
        importlib.import_module("neruba.celery")
        importlib.import_module("neruba.checks")

        post_migrate.connect(_install_triggers, dispatch_uid="neruba.append_only")
