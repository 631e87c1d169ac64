"""The platform."""

import importlib

from django.apps import AppConfig, apps
from django.db.models.signals import post_migrate


def _install_triggers(using: str, **_kwargs: object) -> None:
    from neruba.append_only import install_triggers

    install_triggers(using)


def _seed_roles(app_config: AppConfig, using: str, **_kwargs: object) -> None:
    from neruba.services.roles import seed_roles

    # Each app makes its permissions at its own signal; after the last one all are there. Apps
    # without models have no signal.
    if app_config is [one for one in apps.get_app_configs() if one.models_module][-1]:
        seed_roles(using)


class NerubaConfig(AppConfig):
    name = "neruba"
    verbose_name = "Platform"

    def ready(self) -> None:
        importlib.import_module("neruba.celery")
        importlib.import_module("neruba.checks")
        importlib.import_module("neruba.admin.sessions").listen()

        post_migrate.connect(_install_triggers, dispatch_uid="neruba.append_only")
        post_migrate.connect(_seed_roles, dispatch_uid="neruba.roles")
