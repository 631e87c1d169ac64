"""Secrets at rest: Fernet (AES-128-CBC, HMAC-SHA256) under the keys of `NERUBA_ENCRYPTION_KEYS`.

The first key encrypts and all of them decrypt, so that keys change without a moment at which
something cannot be read. docs/adr/0015 says why these keys are apart from `SECRET_KEY`.
"""

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class UndecipherableError(Exception):
    """None of the keys decrypts it: a key was dropped before everything was re-encrypted."""


def _keys() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.ENCRYPTION_KEYS])


def encrypt(text: str) -> str:
    """The text under the first key; other ciphertext at each call."""
    return _keys().encrypt(text.encode()).decode("ascii")


def decrypt(ciphertext: str) -> str:
    """The text again. Raises UndecipherableError, never an answer that is not the text."""
    try:
        return _keys().decrypt(ciphertext.encode()).decode()
    except InvalidToken:
        raise UndecipherableError("No key of NERUBA_ENCRYPTION_KEYS decrypts it.") from None


def is_under_first_key(ciphertext: str) -> bool:
    """Whether the present key alone decrypts it."""
    try:
        Fernet(settings.ENCRYPTION_KEYS[0]).decrypt(ciphertext.encode())
    except InvalidToken:
        return False
    return True
