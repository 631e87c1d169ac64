"""Signs of life, and what looks at invariants came to: read-only for everyone."""

from datetime import timedelta

from django.conf import settings
from django.contrib import admin
from django.http import HttpRequest

from neruba import clock
from neruba.admin.page import Banner, Fact, Page, PageAdmin, instant, label, whole
from neruba.models import Heartbeat, InvariantCheck


@admin.register(Heartbeat)
class HeartbeatAdmin(PageAdmin):
    project_path = None
    list_display = ["name", "state", "at", "owner"]
    search_fields = ["name__startswith"]
    search_help_text = "The beginning of a name"

    @admin.display(description="State")
    def state(self, heartbeat: Heartbeat) -> str:
        return label("silent", "error") if _silent(heartbeat) else label("alive", "success")

    def page(self, request: HttpRequest, row: Heartbeat) -> Page:
        words = "No worker did what the schedule sends every few seconds: see /health/ready."
        return Page(
            banners=[Banner("error", words)] if _silent(row) else [],
            facts=[
                Fact("Of", row.name),
                Fact("State", self.state(row)),
                Fact("Last heard of", instant(row.at)),
                Fact("Worker", row.owner),
            ],
        )


def _silent(heartbeat: Heartbeat) -> bool:
    return heartbeat.at < clock.wall() - timedelta(seconds=settings.HEARTBEAT_SECONDS)


@admin.register(InvariantCheck)
class InvariantCheckAdmin(PageAdmin):
    project_path = None
    list_display = ["name", "state", "checked", "violations", "at"]
    search_fields = ["name__startswith"]
    search_help_text = "The beginning of a name"

    @admin.display(description="State")
    def state(self, check: InvariantCheck) -> str:
        return label("violated", "error") if check.violations else label("holds", "success")

    def page(self, request: HttpRequest, row: InvariantCheck) -> Page:
        words = "Something that must always be true is not: run manage.py verify."
        return Page(
            banners=[Banner("error", words)] if row.violations else [],
            facts=[
                Fact("Look", row.name),
                Fact("State", self.state(row)),
                Fact("Looked at", row.checked),
                Fact("Differences", row.violations),
                Fact("The first of them", whole(row.detail) if row.detail else ""),
                Fact("Taken", instant(row.at)),
            ],
        )
