"""Raw usage, and what was taken back."""

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from ingest.models import EventRetraction, UsageEvent
from neruba.admin.base import InstantRangeFilter, ReadOnlyAdmin
from neruba.admin.place import project_of
from neruba.models import Subject

MAX_SUBJECTS = 100
MAX_ORIGINS = 200


@admin.register(UsageEvent)
class UsageEventAdmin(ReadOnlyAdmin):
    list_display = ["event_id", "source", "type", "subject", "effective_at", "voided"]
    list_filter = [("effective_at", InstantRangeFilter)]
    list_select_related = ["subject", "retraction"]
    ordering = ["-id"]
    search_fields = ["event_id"]
    search_help_text = "An exact event id, or the beginning of a subject"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[UsageEvent], search_term: str
    ) -> tuple[QuerySet[UsageEvent], bool]:
        """By exact id or beginning of a subject: what indexes answer among millions of rows."""
        term = search_term.strip()
        if not term:
            return queryset, False
        # The index of identities begins with project and source, and a loose scan finds these.
        project = project_of(request)
        mine = UsageEvent.objects.filter(project=project).order_by()
        by_id = Q()
        for source in mine.values_list("source", flat=True).distinct()[:MAX_ORIGINS]:
            by_id |= Q(project=project, source=source, event_id=term)
        subjects = Subject.objects.filter(project=project, external_id__startswith=term)
        of_subject = Q(subject_id__in=list(subjects.values_list("id", flat=True)[:MAX_SUBJECTS]))
        return queryset.filter(by_id | of_subject), False

    @admin.display(boolean=True)
    def voided(self, event: UsageEvent) -> bool:
        return hasattr(event, "retraction")


@admin.register(EventRetraction)
class EventRetractionAdmin(ReadOnlyAdmin):
    list_display = ["event", "kind", "reason", "actor", "recorded_at"]
    list_filter = ["kind", ("recorded_at", InstantRangeFilter)]
    list_select_related = ["event"]
    ordering = ["-id"]
    search_fields = ["event__event_id__exact"]
    search_help_text = "An exact event id"
