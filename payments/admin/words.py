"""Amounts, states and links as the pages of payments show them."""

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from ledger.selectors.journal import entries_by_key
from ledger.templates import OperationKey
from neruba.admin.page import Table, label, link_to, money
from neruba.models import Project
from neruba.money import Money

KINDS = {
    "open": "info",
    "pending": "info",
    "waiting": "info",
    "succeeded": "success",
    "completed": "success",
    "done": "success",
    "won": "success",
    "ignored": "plain",
    "expired": "plain",
    "failed": "error",
    "lost": "error",
    "dead": "error",
    "reversed": "error",
}


def state_label(state: str, words: str) -> SafeString:
    """A state in its colour."""
    return label(words, KINDS.get(state, "plain"))


def amount_of(minor: int, currency: str) -> str:
    """An amount of minor units for people."""
    return money(Money(minor, currency))


def entries_table(project: Project, object_key: str, kinds: tuple[str, ...]) -> Table:
    """The entries in which a thing stands in the books."""
    keys = [OperationKey(kind, object_key) for kind in kinds]
    found = entries_by_key(project, keys)
    return Table(
        title="In the books",
        columns=["Entry", "Occurred"],
        rows=[
            (link_to(found[key]), f"{found[key].occurred_at:%Y-%m-%d %H:%M} UTC")
            for key in keys
            if key in found
        ],
        empty="Nothing is posted of it.",
    )


def list_link(name: str, text: str, **query: object) -> SafeString:
    """A link to a list of this app's with filters."""
    address = reverse(
        f"admin:payments_{name}_changelist",
        query={key: str(value) for key, value in query.items()},
    )
    return format_html('<a href="{}">{}</a>', address, text)
