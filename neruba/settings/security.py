"""What browsers, sessions, logins and callers are held to. docs/security.md says against what."""

import secrets
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet
from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.core.exceptions import ImproperlyConfigured

from neruba.settings.environment import env, flag, read

YEAR_S = 365 * 24 * 3600

# What an answer may load and do in a browser, by the beginning of its address; "" is all else.
_NOTHING: dict[str, Any] = {
    "default-src": [NONE],
    "base-uri": [NONE],
    "form-action": [NONE],
    "frame-ancestors": [NONE],
}
_PAGE: dict[str, Any] = {
    **_NOTHING,
    "connect-src": [SELF],
    "font-src": [SELF],
    "form-action": [SELF],
    "img-src": [SELF, "data:"],
    "script-src": [SELF],
    "style-src": [SELF, UNSAFE_INLINE],
}
CONTENT_SECURITY_POLICY = {"DIRECTIVES": _NOTHING}
CONTENT_SECURITY_POLICIES: dict[str, dict[str, Any]] = {
    # Alpine, which unfold is built on, evaluates the expressions of its attributes.
    "/admin/": {**_PAGE, "script-src": [SELF, UNSAFE_EVAL]},
    "/api/docs/": _PAGE,
    "/invite/": _PAGE,
}
ERROR_PAGE_POLICY: dict[str, Any] = {**_NOTHING, "style-src": [SELF], "img-src": [SELF, "data:"]}

PERMISSIONS_POLICY = ", ".join(
    f"{feature}=()"
    for feature in ("camera", "display-capture", "geolocation", "microphone", "payment", "usb")
)


def whole(name: str, default: int, expected: str, *, least: int = 0) -> int:
    """The variable as a whole number of at least `least`."""
    number: int = read(env.int, name, default, expected)
    if number < least:
        raise ImproperlyConfigured(f"{name} is not valid: expected {expected}.")
    return number


def secret(name: str, expected: str, *, kept: Path | None, made: Callable[[], str]) -> str:
    """The variable; where it may be missing, what was `made` once and `kept` in a file."""
    given: str = read(env.str, name, "", expected)
    if given:
        return given
    if kept is None:
        raise ImproperlyConfigured(f"{name} is not set: expected {expected}.")
    kept.parent.mkdir(exist_ok=True)
    try:
        with kept.open("x") as file:
            kept.chmod(0o600)
            file.write(made())
    except FileExistsError:
        pass
    return kept.read_text().strip()


def long_random_text() -> str:
    return secrets.token_urlsafe(50)


def encryption_keys(*, kept: Path | None) -> list[str]:
    """The keys of secrets at rest: the first one encrypts, all of them decrypt."""
    name, expected = "NERUBA_ENCRYPTION_KEYS", "Fernet keys with commas, the present one first"
    text = secret(name, expected, kept=kept, made=lambda: Fernet.generate_key().decode())
    keys = [key.strip() for key in text.split(",")]
    try:
        for key in keys:
            Fernet(key)
    except ValueError:
        # Without its cause, which could show a part of a key.
        raise ImproperlyConfigured(f"{name} is not valid: expected {expected}.") from None
    return keys


def https(*, production: bool) -> dict[str, Any]:
    """What holds where browsers must come by https."""
    is_on = read(flag, "NERUBA_HTTPS", default=production, expected="true or false")
    prefix = "__Host-" if is_on else ""
    return {
        "SECURE_SSL_REDIRECT": is_on,
        "SECURE_HSTS_SECONDS": YEAR_S if is_on else 0,
        "SECURE_HSTS_INCLUDE_SUBDOMAINS": is_on,
        "SESSION_COOKIE_SECURE": is_on,
        "SESSION_COOKIE_NAME": f"{prefix}sessionid",
        "CSRF_COOKIE_SECURE": is_on,
        "CSRF_COOKIE_NAME": f"{prefix}csrftoken",
    }


# How many proxies stand in front: what the last of them says of address and scheme is believed.
PROXIES = whole("NERUBA_PROXIES", 0, "a whole number of proxies")
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if PROXIES else None
SECURE_REDIRECT_EXEMPT = [r"^health/", r"^metrics"]

# A session ends with the browser, and after so many hours without a click.
SESSION_COOKIE_AGE = 3600 * whole(
    "NERUBA_SESSION_HOURS", 8, "hours, a whole number above 0", least=1
)
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"

# After so many failures an e-mail address is refused from that network address for a while,
# whatever the password; counted in the database.
AXES_FAILURE_LIMIT = whole("NERUBA_LOGIN_ATTEMPTS", 5, "a whole number above 0", least=1)
AXES_COOLOFF_TIME = timedelta(
    minutes=whole("NERUBA_LOCKOUT_MINUTES", 15, "minutes, a whole number above 0", least=1)
)
# Both together: nobody can lock out others by their e-mail address from elsewhere, and nobody is
# locked out by a colleague behind the same address.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_ENABLE_ACCESS_FAILURE_LOG = True
AXES_DISABLE_ACCESS_LOG = True  # logins stand in the audit history
AXES_ENABLE_ADMIN = False
AXES_VERBOSE = False
AXES_HANDLER = "neruba.logins.LoginHandler"
AXES_USERNAME_FORM_FIELD = "username"
AXES_USERNAME_CALLABLE = "neruba.logins.name_given"
AXES_LOCKOUT_CALLABLE = "neruba.logins.locked_out"

# Requests a minute; 0 is no limit.
RATE_LIMIT = whole("NERUBA_RATE_LIMIT", 6000, "requests a minute, a whole number")
RATE_LIMIT_ANONYMOUS = whole("NERUBA_RATE_LIMIT_ANONYMOUS", 60, "requests a minute, a whole number")

AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",  # first: it refuses who is locked out
    "django.contrib.auth.backends.ModelBackend",
    "neruba.backend.RoleBackend",
]
MIN_PASSWORD = 12
AUTH_PASSWORD_VALIDATORS: list[dict[str, Any]] = [
    {"NAME": f"django.contrib.auth.password_validation.{name}", "OPTIONS": options}
    for name, options in (
        ("UserAttributeSimilarityValidator", {}),
        ("MinimumLengthValidator", {"min_length": MIN_PASSWORD}),
        ("CommonPasswordValidator", {}),
        ("NumericPasswordValidator", {}),
    )
]
CSRF_FAILURE_VIEW = "neruba.error_pages.bad_csrf_token"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
# Whether a domain enters the browsers' built-in list is its owner's to say, not this program's.
SILENCED_SYSTEM_CHECKS = ["security.W021"]
