"""Entries and transfers, found by operation key or document."""

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest

from ledger.admin.words import account_link, account_words, amount_words
from ledger.ids import ENTRY, public_id
from ledger.models import JournalEntry, Transfer
from ledger.selectors.journal import transfers_of_entries
from neruba.admin.base import InstantRangeFilter
from neruba.admin.page import Fact, Page, PageAdmin, Table, code, instant, link_to
from neruba.models import Project

MAX_ORIGINS = 200


@admin.register(JournalEntry)
class JournalEntryAdmin(PageAdmin):
    list_display = ["__str__", "occurred_at", "recorded_at", "month", "reverses"]
    list_filter = [("occurred_at", InstantRangeFilter)]
    list_select_related = ["project", "reverses"]
    search_fields = ["object"]
    search_help_text = "The beginning of what the entry is of, or an exact document"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[JournalEntry], search_term: str
    ) -> tuple[QuerySet[JournalEntry], bool]:
        """By the beginning of the object or an exact document: what indexes answer."""
        term = search_term.strip()
        if not term:
            return queryset, False
        # The index of keys begins with project and kind, and a loose scan finds these.
        origins = JournalEntry.objects.order_by().values_list("project_id", "kind").distinct()
        found = Q(pk__in=_naming(term).values("entry_id"))
        for project_id, kind in origins[:MAX_ORIGINS]:
            found |= Q(project_id=project_id, kind=kind, object__startswith=term)
        return queryset.filter(found), False

    def page(self, request: HttpRequest, row: JournalEntry) -> Page:
        transfers = transfers_of_entries([row.pk])[row.pk]
        reversed_by = JournalEntry.objects.filter(reverses=row).first()
        return Page(
            facts=[
                Fact("Kind", row.kind),
                Fact("Object", row.object),
                Fact("Occurrence", row.occurrence),
                Fact("Project", link_to(row.project)),
                Fact("Occurred", instant(row.occurred_at)),
                Fact("Recorded", instant(row.recorded_at)),
                Fact("Accounting month", row.month),
                Fact("Reverses", link_to(row.reverses)),
                Fact("Reversed by", link_to(reversed_by)),
                Fact("Id in the API", code(public_id(ENTRY, row.pk))),
                Fact("Fingerprint", code(row.request_hash)),
            ],
            tables=[
                Table(
                    title="Transfers",
                    columns=["Debit", "Credit", "Amount", "Document", "Line"],
                    rows=[
                        [
                            account_link(transfer.debit_account),
                            account_link(transfer.credit_account),
                            amount_words(transfer),
                            transfer.document,
                            transfer.line,
                        ]
                        for transfer in transfers
                    ],
                    empty="No money moved: the entry records that something happened at zero.",
                    numeric=["Amount"],
                )
            ],
        )


@admin.register(Transfer)
class TransferAdmin(PageAdmin):
    list_display = ["debit", "credit", "amount", "document", "line", "entry"]
    list_select_related = ["entry", "debit_account", "credit_account"]
    ordering = ["-id"]
    search_fields = ["document"]
    search_help_text = "An exact document"

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Transfer], search_term: str
    ) -> tuple[QuerySet[Transfer], bool]:
        term = search_term.strip()
        return (queryset.filter(pk__in=_naming(term)) if term else queryset), False

    @admin.display(description="Debit")
    def debit(self, transfer: Transfer) -> str:
        return account_words(transfer.debit_account)

    @admin.display(description="Credit")
    def credit(self, transfer: Transfer) -> str:
        return account_words(transfer.credit_account)

    @admin.display(description="Amount")
    def amount(self, transfer: Transfer) -> str:
        return amount_words(transfer)

    def page(self, request: HttpRequest, row: Transfer) -> Page:
        return Page(
            facts=[
                Fact("Debit", account_link(row.debit_account)),
                Fact("Credit", account_link(row.credit_account)),
                Fact("Amount", amount_words(row)),
                Fact("Document", row.document),
                Fact("Line", row.line),
                Fact("Entry", link_to(row.entry)),
                Fact("Occurred", instant(row.entry.occurred_at)),
                Fact("Project", link_to(row.project)),
            ]
        )


def _naming(document: str) -> QuerySet[Transfer]:
    """Transfers of any project that name the document; the index begins with the project."""
    projects = Project.objects.values_list("pk", flat=True)[:MAX_ORIGINS]
    return Transfer.objects.filter(project_id__in=list(projects), document=document)
