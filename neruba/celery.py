"""The Celery application: workers and the schedule. What it does is derivable from the database."""

import os
from logging import captureWarnings
from logging.config import dictConfig
from typing import Any

import structlog
from celery import Celery
from celery.signals import celeryd_init, setup_logging
from django.conf import settings
from django.dispatch import receiver
from django_structlog.celery.signals import bind_extra_task_metadata
from django_structlog.celery.steps import DjangoStructLogInitStep

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "neruba.settings")
app = Celery("neruba")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
app.steps["worker"].add(DjangoStructLogInitStep)


@celeryd_init.connect  # a worker warns of its user before it sets up its log
@setup_logging.connect
def keep_django_logging(**_kwargs: Any) -> None:
    """Workers and the schedule log as the web does, by NERUBA_LOG_FORMAT and NERUBA_LOG_LEVEL."""
    dictConfig(settings.LOGGING)
    captureWarnings(capture=True)


@receiver(bind_extra_task_metadata)
def name_task(task: Any, **_kwargs: Any) -> None:
    """Every line that a task writes says which task it is."""
    structlog.contextvars.bind_contextvars(task=task.name)
