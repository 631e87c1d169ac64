"""See README.md beside this file."""

from django.apps import AppConfig


class IngestConfig(AppConfig):
    name = "ingest"
