"""Meters: what events mean. Only the name can change: usage that was billed rests on the rest."""

from django.contrib import admin
from django.http import HttpRequest
from simple_history.admin import SimpleHistoryAdmin
from unfold.admin import ModelAdmin

from ingest.models import Meter


@admin.register(Meter)
class MeterAdmin(SimpleHistoryAdmin, ModelAdmin):
    list_display = ["code", "name", "project", "event_type", "aggregation", "value_property"]
    list_filter = ["project", "aggregation"]
    list_select_related = ["project"]
    search_fields = ["code", "name", "event_type"]
    fields = [
        "project",
        "code",
        "name",
        "event_type",
        "aggregation",
        "value_property",
        "filters",
        "group_by",
        "created_at",
    ]
    readonly_fields = [name for name in fields if name != "name"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # POST /api/v1/meters checks the definition

    def has_delete_permission(self, request: HttpRequest, obj: Meter | None = None) -> bool:
        return False
