"""Who stands on an issued invoice."""

from billing.models import InvoiceParty


def is_erased(party: InvoiceParty) -> bool:
    """Whether the text was erased: it goes together with the salt, which the digest needs."""
    return not party.salt
