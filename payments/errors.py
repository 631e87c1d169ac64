"""Why a payment, or a word from the payment provider, is refused."""

from neruba.errors import ConflictError, InvalidError, NerubaError, RetryableError


class ProviderUnavailableError(RetryableError):
    """The provider did not answer, or not with sense: whether it did what was asked is unknown.

    The same call with the same idempotency key tells, and does it where that has not happened.
    """

    code = "provider_unavailable"
    title = "The payment provider does not answer"


class ProviderRefusedError(NerubaError):
    """The provider understood and declined; nothing happened there. `params["provider_code"]` is
    its own code for the reason, or empty.
    """

    code = "provider_refused"
    status = 409
    title = "The payment provider refused"

    @property
    def provider_code(self) -> str:
        """The provider's own code, such as `card_declined`, or an empty text."""
        return self.params.get("provider_code", "")


class ProviderNotFoundError(ProviderRefusedError):
    """The provider does not know the object."""

    code = "provider_not_found"
    title = "The payment provider does not know it"


class ProviderKeyRefusedError(ProviderRefusedError):
    """The provider does not accept the project's API key, or the key may not do this."""

    code = "provider_key_refused"
    title = "The payment provider refuses the API key"


class ProviderNotConfiguredError(ConflictError):
    """The project has no API key of the provider."""

    code = "provider_not_configured"
    title = "No payment provider is set up"


class InvalidSignatureError(NerubaError):
    """The message does not prove that it comes from the provider, or it is too old."""

    code = "invalid_signature"
    status = 400
    title = "The signature is not valid"


class InvalidEventError(InvalidError):
    """The provider signed it, but the content is no event of the kind that is read here."""

    code = "invalid_event"
    title = "Not an event"


class AmountNotPayableError(InvalidError):
    """The provider cannot take this amount or currency."""

    code = "amount_not_payable"
    title = "The amount cannot be paid through the provider"


class CustomerUnknownError(ConflictError):
    """Whose money it is must be known first; what happened to it before that stands."""

    code = "customer_unknown"
    title = "The customer of the payment is not known"
