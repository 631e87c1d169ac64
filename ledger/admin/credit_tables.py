"""Grants and movements in tables, for the pages of wallets, grants and customers."""

from collections.abc import Collection, Sequence

from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from ledger.admin.words import account_words
from ledger.models import Grant
from ledger.reasons import REASONS
from ledger.selectors.holdings import Holding
from ledger.selectors.movements import Movement
from ledger.templates.keys import BALANCE
from neruba.admin.page import Table, code, instant, label, link_to, money, whole
from neruba.money import Money

STATES = {
    "active": "success",
    "upcoming": "info",
    "frozen": "error",
    "used": "plain",
    "expired": "plain",
    "revoked": "warning",
}
HAPPENED = {
    "grant.issue": "Issued",
    "grant.revoke": "Revoked",
    "grant.expire": "Expired",
    "invoice.credits": "Drawn by an invoice",
    "invoice.void": "Returned: the invoice was voided",
    "credit_note.issue": "Returned by a credit note",
    "balance.adjust": "Balance adjusted",
}


def state_label(holding: Holding) -> SafeString:
    return label(holding.state, STATES[holding.state])


def reason_words(reason_code: str) -> str:
    return REASONS.get(reason_code, reason_code)


def scope_words(grant: Grant) -> SafeString | str:
    return code(", ".join(grant.prices)) if grant.prices else "every line"


def left_words(holding: Holding) -> str:
    unit = holding.grant.currency
    granted = Money(holding.grant.amount_minor, unit)
    return f"{money(Money(holding.left_minor, unit))} of {money(granted)}"


def grant_table(
    title: str,
    holdings: Sequence[Holding],
    *,
    empty: str,
    more: SafeString | str = "",
    anchor: str = "",
) -> Table:
    """Each grant with what is left of it, and why it was given; its own page has the rest."""
    return Table(
        title=title,
        columns=("Grant", "State", "Kind", "Left", "Expires", "Pays", "By", "Why"),
        rows=[
            (
                link_to(one.grant, code(one.grant.public_id)),
                state_label(one),
                one.grant.get_kind_display(),
                left_words(one),
                whole(instant(one.grant.expires_at) or "never"),
                scope_words(one.grant),
                one.grant.granted_by,
                why(reason_words(one.grant.reason_code), one.grant.reason),
            )
            for one in holdings
        ],
        empty=empty,
        numeric=("Left",),
        more=more,
        anchor=anchor,
    )


def why(words: str, reason: str) -> SafeString | str:
    """What kind of reason, and the reason."""
    if not words or not reason:
        return words or reason
    return format_html("{}: {}", words, reason)


def movement_table(
    request: HttpRequest,
    title: str,
    found: Collection[Movement],
    *,
    empty: str,
    more: SafeString | str = "",
    anchor: str = "",
) -> Table:
    """Each movement with its document, and who did it and why where somebody acted."""
    sees_entries = request.user.has_perm("ledger.view_journalentry")
    sees_invoices = request.user.has_perm("billing.view_invoice")

    def happened(one: Movement) -> SafeString | str:
        entry = one.transfer.entry
        words = HAPPENED.get(entry.kind, entry.kind)
        if entry.reverses_id is not None:
            words = f"{words} (taken back)"
        return link_to(entry, words) if sees_entries else words

    def document(one: Movement) -> SafeString | str:
        if one.document is None:
            return one.transfer.document
        title = whole(one.document.title)
        return link_to(one.document.row, title) if sees_invoices else title

    return Table(
        title=title,
        columns=("When", "What", "Where", "Amount", "Document", "By", "Why"),
        rows=[
            (
                whole(instant(one.transfer.entry.occurred_at)),
                happened(one),
                place_words(one),
                money(one.amount),
                document(one),
                one.by.actor if one.by else "the system",
                one.by.reason if one.by else "",
            )
            for one in found
        ],
        empty=empty,
        numeric=("Amount",),
        more=more,
        anchor=anchor,
    )


def place_words(one: Movement) -> SafeString | str:
    """Which grant, or the customer balance."""
    if one.account.code == BALANCE:
        return "customer balance"
    return code(one.account.sub) or account_words(one.account)
