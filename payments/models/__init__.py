"""Money that moves."""

from payments.models.payment import Payment

__all__ = ["Payment"]
