"""Usage totals: derived rows, shown to see what a total is made of."""

from django.contrib import admin
from unfold.contrib.filters.admin import RangeDateFilter

from ingest.models import DirtyMark, UsageWindow, WindowSeries
from neruba.admin.base import OwnRelatedFilter, ReadOnlyAdmin


@admin.register(UsageWindow)
class UsageWindowAdmin(ReadOnlyAdmin):
    list_display = ["subject", "meter", "day", "zone", "group", "count", "sum", "max", "unusable"]
    list_filter = [("meter", OwnRelatedFilter), ("day", RangeDateFilter)]
    list_select_related = ["subject", "meter"]
    ordering = ["-id"]
    search_fields = ["subject__external_id__startswith"]
    search_help_text = "The beginning of a subject"


@admin.register(WindowSeries)
class WindowSeriesAdmin(ReadOnlyAdmin):
    list_display = ["subject", "meter", "zone"]
    list_filter = [("meter", OwnRelatedFilter)]
    list_select_related = ["subject", "meter"]
    ordering = ["-id"]
    search_fields = ["subject__external_id__startswith"]
    search_help_text = "The beginning of a subject"


@admin.register(DirtyMark)
class DirtyMarkAdmin(ReadOnlyAdmin):
    list_display = ["subject", "type", "day"]
    list_select_related = ["subject"]
    ordering = ["-id"]
    search_fields = ["subject__external_id__startswith"]
    search_help_text = "The beginning of a subject"
