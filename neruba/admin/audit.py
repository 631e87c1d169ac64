"""What people and keys did, and the answers kept for repeats: read-only for everyone."""

import json

from django.contrib import admin
from django.http import HttpRequest
from unfold.contrib.filters.admin import RangeDateTimeFilter, RelatedDropdownFilter

from neruba.admin.page import Fact, Page, PageAdmin, code, instant, link_to, pretty
from neruba.models import AuditRecord, IdempotencyRecord


@admin.register(AuditRecord)
class AuditRecordAdmin(PageAdmin):
    list_display = ["at", "actor", "action", "object_type", "object_id", "reason", "project"]
    list_filter = [
        ("project", RelatedDropdownFilter),
        "actor_kind",
        ("at", RangeDateTimeFilter),
    ]
    list_select_related = ["project"]
    search_fields = ["object_id__startswith", "actor__startswith", "action__startswith"]
    search_help_text = "The beginning of an object's id, an actor or an action"

    def page(self, request: HttpRequest, row: AuditRecord) -> Page:
        return Page(
            facts=[
                Fact("Action", row.action),
                Fact("On", f"{row.object_type} {row.object_id}"),
                Fact("By", f"{row.actor} ({row.actor_kind.replace('_', ' ')})"),
                Fact("Reason", row.reason),
                Fact("At, by the project's clock", instant(row.at)),
                Fact("Recorded, by the real clock", instant(row.recorded_at)),
                Fact("Project", link_to(row.project)),
                Fact("Details", code(pretty(json.loads(row.details)))),
            ]
        )


@admin.register(IdempotencyRecord)
class IdempotencyRecordAdmin(PageAdmin):
    list_display = ["key", "project", "status", "created_at"]
    list_filter = [("project", RelatedDropdownFilter), ("created_at", RangeDateTimeFilter)]
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
