"""The first page: where the project stands and what waits in it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from billing.admin.documents import document_table, read_documents
from billing.admin.run import run_status
from billing.models import BillingRun, Invoice
from billing.selectors.documents import RELATED
from ingest.models import FailedEvent
from ledger.selectors.balances import AccountBalance, trial_balance
from ledger.templates.keys import RECEIVABLE
from neruba import clock
from neruba.admin.choose import choices
from neruba.admin.page import Headline, Table, day, link_to, list_of, money, monies
from neruba.admin.place import project_of
from neruba.models import Customer, Project, User
from neruba.money import Money
from support.selectors.overview import Begun, Standing, Waiting, standing_of, waiting_in


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the way to the first invoice."""

    text: str
    is_done: bool


def dashboard(request: HttpRequest, context: dict[str, Any]) -> dict[str, Any]:
    """Fill the first page; who stands in no project is asked to choose one."""
    context["title"] = "Overview"
    context["docs_url"] = docs_address()
    assert isinstance(request.user, User)
    project = project_of(request)
    context |= {"project": project, "is_new": not Project.objects.exists()}
    if project is None or not request.user.has_perm("neruba.view_project"):
        return context | choices(request, request.user)
    waiting = waiting_in([project])
    standing = standing_of(project, invoice_rows=Invoice.objects.select_related(*RELATED))
    steps = () if standing.begun.is_done else first_steps(standing.begun)
    return context | {
        "sees_books": request.user.has_perm("ledger.view_account"),
        "books": books_of(request, project),
        "headlines": headlines(request.user, project, waiting[project.pk], standing),
        "steps": steps,
        "links": quick_links(),
        "tables": tables(request.user, standing),
    }


def docs_address() -> str:
    """Where the API's reference is, or '' where it is switched off."""
    try:
        return reverse("docs")
    except NoReverseMatch:
        return ""


def headlines(
    user: User | AnonymousUser, project: Project, waiting: Waiting, standing: Standing
) -> list[Headline]:
    """What matters, as far as the operator may see it."""
    found = []
    if user.has_perm("billing.view_invoice"):
        found += [
            Headline(
                "Open invoices",
                f"{waiting.open_invoices:,}",
                list_of(Invoice, "show them", status__exact=Invoice.Status.OPEN),
            ),
            Headline(
                "Drafts",
                f"{waiting.drafts:,}",
                list_of(Invoice, "show them", status__exact=Invoice.Status.DRAFT),
            ),
        ]
    if user.has_perm("ingest.view_failedevent"):
        open_ones = list_of(FailedEvent, "show them", state=FailedEvent.State.OPEN)
        found.append(Headline("Failed events", f"{waiting.failed_events:,}", open_ones))
    if user.has_perm("billing.view_billingrun"):
        found += [_last_run(standing.last_run), _next_due(project, standing)]
    return found


def _last_run(run: BillingRun | None) -> Headline:
    if run is None:
        return Headline("Last billing run", "none yet")
    words = format_html("{} {}", run_status(run), link_to(run, f"{run.finalized:,} finalised"))
    return Headline("Last billing run", day(run.as_of.date()), words)


def _next_due(project: Project, standing: Standing) -> Headline:
    due = standing.next_due
    if due is None:
        return Headline("Next due", "nothing", "no subscription, draft or charge waits")
    is_late = due <= clock.now(project)
    return Headline(
        "Next due", day(due.date()), "now: the next run bills it" if is_late else f"{due:%H:%M} UTC"
    )


def tables(user: User | AnonymousUser, standing: Standing) -> list[Table]:
    found = []
    if user.has_perm("billing.view_invoice"):
        found += [
            document_table(
                "Drafts, the next due first",
                read_documents(standing.next_drafts),
                empty="No drafts: nothing waits for its grace to end.",
                more=list_of(Invoice, "all drafts", status__exact=Invoice.Status.DRAFT),
                with_customer=True,
            ),
            document_table(
                "Latest invoices",
                read_documents(standing.latest_invoices),
                empty="No invoice was issued yet.",
                more=list_of(Invoice, "all invoices"),
                with_customer=True,
            ),
        ]
    return found


@dataclass(frozen=True, slots=True)
class Books:
    """What the ledger adds up to, each currency by itself."""

    headlines: list[Headline]
    table: Table


def books_of(request: HttpRequest, project: Project) -> Books | None:
    """The books, which the page asks for after it is shown: they are a sum over every transfer."""
    if "books" not in request.GET or not request.user.has_perm("ledger.view_account"):
        return None
    balances = trial_balance(project)
    owed = {one.currency: one.balance_minor for one in balances if one.account.code == RECEIVABLE}
    words = monies(owed) or money(Money(0, project.currency))
    return Books([Headline("Owed to us", words, "accounts receivable")], book_table(balances))


def book_table(balances: Sequence[AccountBalance]) -> Table:
    """The trial balance."""
    return Table(
        title="Books: the trial balance",
        columns=("Account", "Currency", "Debits", "Credits", "Balance"),
        rows=[
            (
                f"{one.account.code} {one.account.name}",
                one.currency,
                money(Money(one.debit_minor, one.currency)),
                money(Money(one.credit_minor, one.currency)),
                money(Money(one.balance_minor, one.currency)),
            )
            for one in balances
        ],
        empty="Nothing was posted yet.",
        numeric=("Debits", "Credits", "Balance"),
    )


def quick_links() -> list[SafeString | str]:
    links = [
        list_of(Customer, "Customers"),
        list_of(Invoice, "Invoices"),
        list_of(BillingRun, "Billing runs"),
        list_of(FailedEvent, "Failed events"),
    ]
    return [link for link in links if link]


def first_steps(begun: Begun) -> list[Step]:
    """The way to the first invoice."""
    return [
        Step("Say what is counted: POST /api/v1/meters", begun.meter),
        Step("Say what it costs: POST /api/v1/plans", begun.plan),
        Step("Name a customer: POST /api/v1/customers", begun.customer),
        Step("Put the customer on the plan: POST /api/v1/subscriptions", begun.subscription),
        Step("Send usage: POST /api/v1/events/batch", begun.event),
        Step(
            "Bill what is due: POST /api/v1/billing-runs or manage.py bill; in a sandbox, "
            "POST /api/v1/clock bills on its way",
            begun.invoice,
        ),
    ]
