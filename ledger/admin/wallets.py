"""Wallets and grants: what is in them, what moved and why; revoking, in a dialog."""

from collections import defaultdict
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest, HttpResponse
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.decorators import action
from unfold.views import ChangeList

from ledger.admin.credit_tables import (
    grant_table,
    left_words,
    movement_table,
    reason_words,
    scope_words,
    state_label,
)
from ledger.admin.revoking import REVOKE, RevokeForm, revoke
from ledger.models import Grant, Wallet
from ledger.selectors.holdings import Holding, WalletHolding, holdings_of, wallet_holdings
from ledger.selectors.movements import movements
from ledger.selectors.wallets import grants_of, transfers_of_grant, wallet_transfers
from neruba import clock
from neruba.admin.base import InstantRangeFilter
from neruba.admin.page import (
    Fact,
    Headline,
    Page,
    PageAdmin,
    Table,
    code,
    instant,
    link_to,
    list_of,
    money,
    whole,
)
from neruba.admin.place import in_place
from neruba.models import AuditRecord, Customer
from neruba.money import Money

ROWS_SHOWN = 50
CUSTOMERS_SEARCHED = 100


class HoldingList(ChangeList):
    """A page of wallets or grants, each with what is left, in a constant number of queries."""

    result_list: Any

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        by_project = defaultdict(list)
        for row in self.result_list:
            by_project[row.project].append(row)
        for project, rows in by_project.items():
            now = clock.now(project)
            found: list[Any] = (
                wallet_holdings(rows, now=now)
                if self.model is Wallet
                else list(holdings_of(rows, now=now))
            )
            for row, one in zip(rows, found, strict=True):
                vars(row)["holding"] = one
        self.result_list = [row for rows in by_project.values() for row in rows]


def _held(row: Wallet | Grant) -> Any:
    """What `HoldingList` read for a row of its page."""
    return vars(row)["holding"]


class HeldAdmin(PageAdmin):
    """A list that is searched by id or by customer: what indexes answer."""

    customer_path = "customer"
    search_fields = ["public_id"]  # shows the field; `get_search_results` answers
    search_help_text = "An id, or the beginning of a customer's external id or name"
    ordering = ["-id"]

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return HoldingList

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        if not term:
            return queryset, False
        begins = Q(external_id__startswith=term) | Q(name__startswith=term)
        named = in_place(Customer.objects.filter(begins), request, "project")
        customers = list(named.values_list("pk", flat=True)[:CUSTOMERS_SEARCHED])
        found = Q(public_id=term) | Q(**{f"{self.customer_path}__in": customers})
        return queryset.filter(found), False


@admin.register(Wallet)
class WalletAdmin(HeldAdmin):
    list_display = ["named", "customer", "currency", "balance", "spendable", "created_at"]
    list_select_related = ["project", "customer"]

    @admin.display(description="Wallet", ordering="name")
    def named(self, wallet: Wallet) -> str:
        return whole(wallet.name)

    @admin.display(description="Balance")
    def balance(self, wallet: Wallet) -> str:
        return whole(money(Money(_held(wallet).balance_minor, wallet.currency)))

    @admin.display(description="Can be spent")
    def spendable(self, wallet: Wallet) -> str:
        return whole(money(Money(_held(wallet).spendable_minor, wallet.currency)))

    def page(self, request: HttpRequest, row: Wallet) -> Page:
        now = clock.now(row.project)
        (found,) = wallet_holdings([row], now=now)
        latest = list(grants_of(row.project).filter(wallet=row).order_by("-id")[:ROWS_SHOWN])
        moved = list(wallet_transfers(row).order_by("-id")[:ROWS_SHOWN])
        return Page(
            headlines=_wallet_headlines(found),
            facts=[
                Fact("Name", row.name),
                Fact("Customer", link_to(row.customer)),
                Fact("Currency", row.currency),
                Fact("Created", instant(row.created_at)),
                Fact("Id in the API", code(row.public_id)),
            ],
            tables=[
                grant_table(
                    "Grants, the latest first",
                    holdings_of(latest, now=now),
                    empty="No grant yet. Issue a credit on the customer's page.",
                    more=list_of(Grant, "all of them", wallet__id__exact=row.pk) if latest else "",
                    anchor="grants",
                ),
                movement_table(
                    request,
                    "Movements, the latest first",
                    movements(row.project, moved),
                    empty="Nothing moved yet.",
                    anchor="movements",
                ),
            ],
        )


def _wallet_headlines(found: WalletHolding) -> list[Headline]:
    unit = found.wallet.currency
    later = Money(found.balance_minor - found.spendable_minor, unit)
    return [
        Headline("Balance", money(Money(found.balance_minor, unit)), "left of all grants"),
        Headline("Can be spent now", money(Money(found.spendable_minor, unit))),
        Headline("Not now", money(later), "not effective yet, or frozen by a dispute"),
    ]


@admin.register(Grant)
class GrantAdmin(HeldAdmin):
    customer_path = "wallet__customer"
    list_display = ["public_id", "customer", "kind", "state", "left", "priority", "expires_at"]
    list_filter = [
        ("kind", ChoicesDropdownFilter),
        ("end", ChoicesDropdownFilter),
        ("expires_at", InstantRangeFilter),
    ]
    list_select_related = ["project", "wallet__customer"]
    actions_detail = ["revoke"]

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        # The customer's page leads here with it.
        of_customer = lookup == "wallet__customer__id__exact"
        return of_customer or super().lookup_allowed(lookup, value, request)

    @admin.display(description="Customer")
    def customer(self, grant: Grant) -> str:
        return str(grant.wallet.customer)

    @admin.display(description="State")
    def state(self, grant: Grant) -> str:
        return state_label(_held(grant))

    @admin.display(description="Left")
    def left(self, grant: Grant) -> str:
        return whole(left_words(_held(grant)))

    @action(
        description="Revoke",
        permissions=["ledger.change_grant"],
        icon="undo",
        dialog=REVOKE,
    )
    def revoke(self, request: HttpRequest, form: RevokeForm, object_id: str) -> HttpResponse:
        return revoke(request, form)

    def page(self, request: HttpRequest, row: Grant) -> Page:
        now = clock.now(row.project)
        (holding,) = holdings_of([row], now=now)
        moved = list(transfers_of_grant(row).order_by("-id")[:ROWS_SHOWN])
        return Page(
            headlines=[
                Headline("Left", money(Money(holding.left_minor, row.currency)), "of it now"),
                Headline("Granted", money(Money(row.amount_minor, row.currency))),
                Headline("State", state_label(holding), _state_words(holding)),
            ],
            facts=_grant_facts(row),
            tables=[
                movement_table(
                    request,
                    "Movements, the latest first",
                    movements(row.project, moved),
                    empty="Nothing moved yet.",
                    anchor="movements",
                ),
                _story(row),
            ],
        )


def _state_words(holding: Holding) -> str:
    grant = holding.grant
    return {
        "active": "the next invoice can draw on it",
        "upcoming": f"from {instant(grant.effective_at)} on",
        "frozen": f"by dispute {grant.frozen_by}",
        "used": "nothing is left of it",
        "expired": f"at {instant(grant.expires_at)}",
        "revoked": "taken back by hand",
    }[holding.state]


def _grant_facts(row: Grant) -> list[Fact]:
    return [
        Fact("Customer", link_to(row.wallet.customer)),
        Fact("Wallet", link_to(row.wallet)),
        Fact("Kind", row.get_kind_display()),
        Fact("Priority", f"{row.priority} (0 is drawn on first)"),
        Fact("Effective", instant(row.effective_at)),
        Fact("Expires", instant(row.expires_at) or "never"),
        Fact("Pays", scope_words(row)),
        Fact("Kind of reason", reason_words(row.reason_code)),
        Fact("Reason", row.reason),
        Fact("Granted by", row.granted_by),
        Fact("Sold as", row.origin),
        Fact("Id in the API", code(row.public_id)),
    ]


def _story(grant: Grant) -> Table:
    """Who did what to it, and why."""
    records = AuditRecord.objects.filter(
        project=grant.project, object_type="grant", object_id=grant.public_id
    ).order_by("id")[:ROWS_SHOWN]
    return Table(
        title="Who did what, and why",
        columns=("When", "Who", "What", "Why"),
        rows=[(whole(instant(one.at)), one.actor, one.action, one.reason) for one in records],
        empty="Nobody acted on it.",
        anchor="story",
    )
