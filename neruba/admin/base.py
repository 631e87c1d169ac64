"""What lists and pages of the console have in common."""

from datetime import UTC
from typing import Any

from django.contrib.admin.options import ModelAdmin as DjangoModelAdmin
from django.core.checks import CheckMessage
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.core.validators import EMPTY_VALUES
from django.db.models import Field, Model, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.functional import cached_property
from simple_history.admin import SimpleHistoryAdmin
from unfold.admin import ModelAdmin
from unfold.checks import UnfoldModelAdminChecks
from unfold.contrib.filters.admin import RangeDateTimeFilter, RelatedDropdownFilter
from unfold.utils import parse_datetime_str

from neruba.admin.place import in_place, may_choose, project_of

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


class OwnRelatedFilter(RelatedDropdownFilter):
    """Offers the related rows of the project where the operator stands, and no others."""

    def field_choices(
        self, field: Field[Any, Any], request: HttpRequest, model_admin: DjangoModelAdmin[Any]
    ) -> Any:
        mine = {"project": project_of(request)}
        ordering = self.field_admin_ordering(field, request, model_admin)
        return field.get_choices(include_blank=False, ordering=ordering, limit_choices_to=mine)


class InstantRangeFilter(RangeDateTimeFilter):
    """Between two instants, both inclusive, given in UTC as the console shows them."""

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any] | None:
        lookups = {}
        for side, lookup in (("from", "gte"), ("to", "lte")):
            name = f"{self.parameter_name}_{side}"
            day, time = (self.used_parameters.get(f"{name}_{part}") for part in (0, 1))
            if day not in EMPTY_VALUES and time not in EMPTY_VALUES:
                instant = parse_datetime_str(f"{day} {time}")
                if instant is not None:
                    lookups[f"{self.parameter_name}__{lookup}"] = instant.replace(tzinfo=UTC)
        return queryset.filter(**lookups)


class ReadOnlyAdmin(ModelAdmin):
    """No adding, changing, deleting, for superusers neither; pages that cost the same however many
    rows there are, of the one project where the operator stands.

    `project_path` leads from a row to its project; None says that the rows belong to the
    installation, which superusers see.
    """

    project_path: str | None = "project"
    checks_class = ConsoleChecks
    paginator = ShortPaginator
    show_full_result_count = False
    list_per_page = 50
    list_filter_submit = True
    actions = None

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows: QuerySet[Any] = super().get_queryset(request)
        return in_place(rows, request, self.project_path)

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        is_here = self.project_path is None or project_of(request) is not None
        return is_here and super().has_view_permission(request, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        if self.project_path is not None and may_choose(request):
            return redirect("choose_project")
        return super().changelist_view(request, extra_context)

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        if self.project_path is not None and may_choose(request):
            return redirect("choose_project")
        # Django's history of a row that the console never changes would always be empty.
        shown = {"show_history": False, **(extra_context or {})}
        return super().changeform_view(request, object_id, form_url, shown)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        # Django looks for the row first, and says of one that is not there that it is not.
        if not self.has_view_permission(request):
            raise PermissionDenied
        return super().history_view(request, object_id, extra_context)


class HistoryAdmin(SimpleHistoryAdmin, ReadOnlyAdmin):
    """With the versions of a row. The library's views read history beside `get_queryset`, so the
    row itself is asked for first.
    """

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        self._found(request, object_id)
        return super().history_view(request, object_id, extra_context)

    def history_form_view(
        self,
        request: HttpRequest,
        object_id: str,
        version_id: str,
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        self._found(request, object_id)
        if not version_id.isdecimal():
            raise Http404
        return super().history_form_view(request, object_id, version_id, extra_context)

    def _found(self, request: HttpRequest, object_id: str) -> None:
        """Raises Http404 for a row of another project, as for one that is not there.

        A POST is refused: the library would write the old version back for whoever may look at it,
        past every service; its setting only hides the button.
        """
        if not self.has_view_permission(request) or request.method not in {"GET", "HEAD"}:
            raise PermissionDenied
        if self.get_object(request, object_id) is None:
            raise Http404
