"""The Celery application: workers and the schedule. What it does is derivable from the database."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "neruba.settings")
app = Celery("neruba")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()
