"""Why billing refuses, or breaks off."""

from neruba.errors import ConflictError, InvariantError


class RepetitionDiffersError(InvariantError):
    """A document that is computed again comes out otherwise than it was issued."""


class BillsToComeError(ConflictError):
    """The customer will still be billed."""

    code = "bills_to_come"
    title = "The customer will still be billed"


class CouponEndedError(ConflictError):
    """An operator ended the coupon, or the customer's redemption of it."""

    code = "coupon_ended"
    title = "The coupon was ended"


class CouponExpiredError(ConflictError):
    """The coupon is not redeemed any more since its `expires_at`."""

    code = "coupon_expired"
    title = "The coupon expired"


class CouponExhaustedError(ConflictError):
    """The coupon was redeemed as often as it may be."""

    code = "coupon_exhausted"
    title = "The coupon was redeemed as often as it may be"


class OvertakenError(ConflictError):
    """What was confirmed is not what would happen by now."""

    code = "overtaken"
    title = "Something came in between"
