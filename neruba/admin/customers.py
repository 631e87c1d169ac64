"""Customers and the subjects that usage names."""

from django.contrib import admin
from django.http import HttpRequest

from neruba.admin.base import HistoryAdmin
from neruba.admin.page import Fact, Page, PageAdmin, Table, instant, link_to
from neruba.models import Customer, Subject

SUBJECTS_SHOWN = 100
EXEMPTIONS = {
    "none": "yes, by these rates",
    "exempt": "no: the customer is exempt",
    "reverse": "no: the customer owes it themselves (reverse charge)",
}


def customer_facts(customer: Customer) -> list[Fact]:
    """Who the customer is, for every page about one."""
    address = customer.billing_address
    return [
        Fact("Id", customer.external_id),
        Fact("Name", customer.name),
        Fact("E-mail", customer.email),
        Fact("Currency", customer.currency or f"{customer.project.currency} (the project's)"),
        Fact("Time zone", customer.timezone or f"{customer.project.timezone} (the project's)"),
        Fact("Address", ", ".join(str(value) for value in address.values())),
        Fact("Tax ids", ", ".join(customer.tax_ids)),
        Fact("Tax rates", ", ".join(customer.tax_rates or ()) or "none"),
        Fact("Tax is due", EXEMPTIONS[customer.tax_exempt]),
        Fact("Metadata", ", ".join(f"{name}: {text}" for name, text in customer.metadata.items())),
        Fact("Project", link_to(customer.project)),
        Fact("Created", instant(customer.created_at)),
        Fact("Identity erased", instant(customer.erased_at)),
    ]


class CustomerAdmin(HistoryAdmin, PageAdmin):
    """What the platform knows of a customer; `support` adds the apps' part and registers it."""

    list_display = ["external_id", "name", "email", "currency", "created_at"]
    list_select_related = ["project"]
    ordering = ["-id"]
    search_fields = ["external_id__startswith", "name__startswith", "email__startswith"]
    search_help_text = "The beginning of an id, a name or an e-mail address"
    show_row_history = True

    def page(self, request: HttpRequest, row: Customer) -> Page:
        subjects = row.subjects.order_by("external_id")[:SUBJECTS_SHOWN]
        return Page(
            facts=customer_facts(row),
            tables=[
                Table(
                    title="Subjects whose usage is theirs",
                    columns=["Subject"],
                    rows=[[link_to(subject)] for subject in subjects],
                    empty="No subject yet.",
                )
            ],
        )


@admin.register(Subject)
class SubjectAdmin(PageAdmin):
    list_display = [
        "external_id",
        "customer",
    ]
    list_filter = [
        ("customer", admin.EmptyFieldListFilter),
    ]
    list_select_related = ["project", "customer"]
    ordering = ["-id"]
    search_fields = ["external_id__startswith"]
    search_help_text = "The beginning of an id"

    def page(self, request: HttpRequest, row: Subject) -> Page:
        return Page(
            facts=[
                Fact("Id", row.external_id),
                Fact("Customer", link_to(row.customer) or "none yet"),
                Fact("Project", link_to(row.project)),
            ]
        )
