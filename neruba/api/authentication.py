"""API keys: `Authorization: Bearer nrb_<prefix>_<secret>`. The key names the project."""

from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from neruba import clock
from neruba.actor import Actor
from neruba.models import ApiKey
from neruba.services.api_keys import key_of_secret, note_use


class ApiKeyAuthentication(BaseAuthentication):
    """Sets `request.auth` to the key and `request.user` to its actor."""

    def authenticate(self, request: Request) -> tuple[Actor, ApiKey] | None:
        words = get_authorization_header(request).split()
        if not words or words[0].lower() != b"bearer":
            return None
        try:
            _, secret = words
        except ValueError:
            raise AuthenticationFailed(
                "Expected: Authorization: Bearer <api key>.", "bad_credential"
            ) from None
        now = clock.wall()
        key = key_of_secret(secret.decode("latin-1"), now)
        if key is None:
            raise AuthenticationFailed(
                "The API key is unknown, expired or revoked.", "bad_credential"
            )
        note_use(key, now)
        return Actor("api_key", f"{key.name} ({key.prefix})"), key

    def authenticate_header(self, request: Request) -> str:
        return "Bearer"
