"""Late usage that no document has taken yet: the next one of its subscription will."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest

from billing.models import LateUsage
from neruba.admin.base import InstantRangeFilter, ReadOnlyAdmin


@admin.register(LateUsage)
class LateUsageAdmin(ReadOnlyAdmin):
    list_display = ["period", "due_at", "recorded_at"]
    list_filter = [("recorded_at", InstantRangeFilter)]
    list_select_related = ["project", "period__subscription"]
    ordering = ["-id"]
    search_fields = ["period__subscription__external_id__startswith"]
    search_help_text = "The beginning of a subscription's external id"

    def get_queryset(self, request: HttpRequest) -> QuerySet[LateUsage]:
        rows: QuerySet[LateUsage] = super().get_queryset(request)
        return rows.select_related("project", "period__subscription")
