"""Money that moves."""

from payments.models.checkout import CheckoutSession
from payments.models.dispute import Dispute
from payments.models.event import ProviderEvent, ProviderEventWork
from payments.models.pack import CreditPack, PackSale
from payments.models.payment import Payment
from payments.models.refund import Refund
from payments.models.transaction import PayoutTransaction, ProviderTransaction

__all__ = [
    "CheckoutSession",
    "CreditPack",
    "Dispute",
    "PackSale",
    "Payment",
    "PayoutTransaction",
    "ProviderEvent",
    "ProviderEventWork",
    "ProviderTransaction",
    "Refund",
]
