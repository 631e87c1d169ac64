"""See README.md beside this file."""

from django.apps import AppConfig


class IngestConfig(AppConfig):
    name = "ingest"

    def ready(self) -> None:
        from ingest.gauges import ingest_gauges
        from neruba.ops.gauges import register_gauges

        register_gauges(ingest_gauges)
