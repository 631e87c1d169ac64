"""Files with what old events carried."""

from django.contrib import admin
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat

from ingest.models import EventArchive
from ingest.selectors.archives import archive_folder
from neruba.admin.base import InstantRangeFilter
from neruba.admin.page import Fact, Page, PageAdmin, code, instant, link_to


@admin.register(EventArchive)
class EventArchiveAdmin(PageAdmin):
    list_display = ["file", "events", "first_at", "last_at", "made_at"]
    list_filter = [("last_at", InstantRangeFilter)]
    list_select_related = ["project"]
    ordering = ["-id"]
    search_fields = ["file__startswith"]
    search_help_text = "The beginning of a file's name, such as 2026-01"

    def page(self, request: HttpRequest, row: EventArchive) -> Page:
        is_there = (archive_folder(row.project) / row.file).is_file()
        return Page(
            facts=[
                Fact("File", code(row.file)),
                Fact("At hand", "yes" if is_there else "no: it is not in the folder of archives"),
                Fact("Project", link_to(row.project)),
                Fact("Events", f"{row.events:,}"),
                Fact("Taken back by then", f"{row.retracted:,}"),
                Fact("From", instant(row.first_at)),
                Fact("To", instant(row.last_at)),
                Fact("Size", filesizeformat(row.size)),
                Fact("SHA-256 of the file", code(row.sha256)),
                Fact("Checksum of the events", code(row.checksum.hex())),
                Fact("Made", f"{instant(row.made_at)}, by {row.actor}"),
            ]
        )
