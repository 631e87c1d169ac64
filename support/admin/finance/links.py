"""Ways from a report to what it adds up."""

from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from neruba.admin.page import list_of
from neruba.models import Customer


def accounts_link(code: str, words: str) -> SafeString:
    """The list of the accounts of a code."""
    address = reverse("admin:ledger_account_changelist", query={"code": code})
    return format_html('<a href="{}">{}</a>', address, words)


def customer_link(external_id: str) -> SafeString | str:
    """The customers whose id begins so."""
    return list_of(Customer, external_id, q=external_id) if external_id else "not known"
