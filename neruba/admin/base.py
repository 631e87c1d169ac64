"""What lists and pages of the console have in common."""

from typing import Any

from django.core.checks import CheckMessage
from django.core.paginator import Paginator
from django.db.models import Model, QuerySet
from django.http import HttpRequest
from django.utils.functional import cached_property
from unfold.admin import ModelAdmin
from unfold.checks import UnfoldModelAdminChecks

MAX_COUNT = 10_000


class ShortPaginator(Paginator[Any]):
    """Counts no further than 10,000, so that no list counts a table: filters and search find what
    lies beyond.
    """

    @cached_property
    def count(self) -> int:
        rows = self.object_list
        assert isinstance(rows, QuerySet)
        return rows.order_by()[:MAX_COUNT].count()


class ConsoleChecks(UnfoldModelAdminChecks):
    """Unfold's check asks the database for permissions, which `migrate` has yet to make."""

    def _check_unfold_action_permission_methods(self, obj: Any) -> list[CheckMessage]:
        return []  # tests/support/test_console.py asks for them instead


class ReadOnlyAdmin(ModelAdmin):
    """No adding, changing, deleting, for superusers neither; pages that cost the same however many
    rows there are.
    """

    checks_class = ConsoleChecks
    paginator = ShortPaginator
    show_full_result_count = False
    list_per_page = 50
    list_filter_submit = True
    actions = None

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        # Django's history of a row that the console never changes would always be empty.
        shown = {"show_history": False, **(extra_context or {})}
        return super().changeform_view(request, object_id, form_url, shown)
