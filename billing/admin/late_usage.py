"""Late usage that no document has taken yet."""

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from unfold.contrib.filters.admin import RangeDateTimeFilter

from billing.models import LateUsage
from neruba.admin.base import ReadOnlyAdmin
from neruba.admin.page import label


class Standing(admin.SimpleListFilter):
    title = "where it stands"
    parameter_name = "stands"

    def lookups(self, request: HttpRequest, model_admin: object) -> list[tuple[str, str]]:
        return [("next", "goes on the next document"), ("waiting", "no document can take it")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[LateUsage]) -> QuerySet[LateUsage]:
        if self.value() not in {"next", "waiting"}:
            return queryset
        return queryset.filter(due_at__isnull=self.value() == "waiting")


@admin.register(LateUsage)
class LateUsageAdmin(ReadOnlyAdmin):
    list_display = ["period", "stands", "due_at", "recorded_at"]
    list_filter = [
        Standing,
        ("recorded_at", RangeDateTimeFilter),
    ]
    list_select_related = ["project", "period__subscription"]
    ordering = ["-id"]
    search_fields = ["period__subscription__external_id__startswith"]
    search_help_text = "The beginning of a subscription's external id"

    def get_queryset(self, request: HttpRequest) -> QuerySet[LateUsage]:
        rows: QuerySet[LateUsage] = super().get_queryset(request)
        return rows.select_related("project", "period__subscription")

    @admin.display(description="Stands", ordering="due_at")
    def stands(self, row: LateUsage) -> str:
        if row.due_at is None:
            return label("waiting: to be given back", "warning")
        return label("for the next document", "info")
