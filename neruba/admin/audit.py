"""What people and keys did, and the answers kept for repeats: read-only for everyone."""

import json
from functools import partial

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.core.exceptions import PermissionDenied
from django.db.models import Model, QuerySet
from django.http import (
    HttpRequest,
    HttpResponseNotAllowed,
    StreamingHttpResponse,
)
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import URLPattern, path
from unfold.contrib.filters.admin import (
    DropdownFilter,
)

from neruba import clock
from neruba.admin.base import InstantRangeFilter
from neruba.admin.dialogs import MAX_REASON, operator
from neruba.admin.page import Fact, Page, PageAdmin, code, instant, link_to, list_address, pretty
from neruba.admin.place import project_of
from neruba.edge import run_atomic
from neruba.models import AuditRecord, IdempotencyRecord
from neruba.selectors.audit import csv_lines
from neruba.services.audit import record

LATEST = 1000


class ActionFilter(DropdownFilter):
    title = "action"
    parameter_name = "action"

    def lookups(
        self, request: HttpRequest, model_admin: admin.ModelAdmin[AuditRecord]
    ) -> list[tuple[str, str]]:
        """The actions among the latest rows: a list of all would read the whole table."""
        latest = model_admin.get_queryset(request).order_by("-id").values_list("action", flat=True)
        return [(name, name) for name in sorted(set(latest[:LATEST]))]

    def queryset(self, _request: HttpRequest, rows: QuerySet[AuditRecord]) -> QuerySet[AuditRecord]:
        return rows.filter(action=self.value()) if self.value() else rows


@admin.register(AuditRecord)
class AuditRecordAdmin(PageAdmin):
    """The project's history; to a superuser who stands in no project, the installation's."""

    project_path = None
    list_display = ["at", "actor", "action", "object_type", "object_id", "reason", "origin"]
    list_filter = [
        ActionFilter,
        "actor_kind",
        ("at", InstantRangeFilter),
    ]
    list_select_related = ["project"]
    search_fields = ["object_id__startswith", "actor__startswith", "action__startswith"]
    search_help_text = "The beginning of an object's id, an actor or an action"
    list_before_template = "neruba/audit_export.html"

    def get_queryset(self, request: HttpRequest) -> QuerySet[AuditRecord]:
        return super().get_queryset(request).filter(project=project_of(request))

    def has_view_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        is_superuser = bool(getattr(request.user, "is_superuser", False))
        is_somewhere = project_of(request) is not None or is_superuser
        return is_somewhere and super().has_view_permission(request, obj)

    def get_urls(self) -> list[URLPattern]:
        export = path(
            "export/",
            self.admin_site.admin_view(self.export_view),
            name="neruba_auditrecord_export",
        )
        return [export, *super().get_urls()]

    def export_view(self, request: HttpRequest) -> HttpResponseBase:
        """The rows of the list as it is filtered, as CSV; a POST, since it is noted itself."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponseNotAllowed(["POST"])
        try:
            rows = self.get_changelist_instance(request).get_queryset(request)
        except IncorrectLookupParameters:
            return redirect(list_address(AuditRecord))
        project = project_of(request)
        run_atomic(
            partial(
                record,
                project=project,
                actor=operator(request),
                action="audit.exported",
                on=("audit", project.slug if project else "installation"),
                at=clock.now(project) if project else clock.wall(),
                reason=request.POST.get("reason", "")[:MAX_REASON],
                details={"filter": request.GET.urlencode()},
            )
        )
        name = f"audit-{project.slug if project else 'installation'}.csv"
        return StreamingHttpResponse(
            csv_lines(rows.order_by("id")),
            content_type="text/csv; charset=utf-8",
            headers={"Content-Disposition": f'attachment; filename="{name}"'},
        )

    def page(self, request: HttpRequest, row: AuditRecord) -> Page:
        return Page(
            facts=[
                Fact("Action", row.action),
                Fact("On", f"{row.object_type} {row.object_id}"),
                Fact("By", f"{row.actor} ({row.actor_kind.replace('_', ' ')})"),
                Fact("Reason", row.reason),
                Fact("From", code(row.origin)),
                Fact("Request", code(row.request_id)),
                Fact("At, by the project's clock", instant(row.at)),
                Fact("Recorded, by the real clock", instant(row.recorded_at)),
                Fact("Project", link_to(row.project)),
                Fact("Details", code(pretty(json.loads(row.details)))),
            ]
        )


@admin.register(IdempotencyRecord)
class IdempotencyRecordAdmin(PageAdmin):
    list_display = ["key", "status", "created_at"]
    list_filter = [("created_at", InstantRangeFilter)]
    list_select_related = ["project"]
    ordering = ["-id"]
    search_fields = ["key__startswith"]
    search_help_text = "The beginning of a key"

    def page(self, request: HttpRequest, row: IdempotencyRecord) -> Page:
        # Not the answer itself: that of a new API key holds its secret.
        return Page(
            facts=[
                Fact("Key", code(row.key)),
                Fact("Project", link_to(row.project)),
                Fact("Answered with", row.status or "nothing yet"),
                Fact("Request", code(row.request_hash)),
                Fact("Kept since", instant(row.created_at)),
            ]
        )
