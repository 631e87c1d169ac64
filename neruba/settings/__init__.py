"""Settings of both profiles. Every variable is described in docs/settings.md."""

import logging
from pathlib import Path

import django_stubs_ext
from django.core.exceptions import ImproperlyConfigured

from neruba.settings import security
from neruba.settings.api import DRF_STANDARDIZED_ERRORS as DRF_STANDARDIZED_ERRORS
from neruba.settings.api import REST_FRAMEWORK as REST_FRAMEWORK
from neruba.settings.api import SPECTACULAR_SETTINGS as SPECTACULAR_SETTINGS
from neruba.settings.console import UNFOLD as UNFOLD
from neruba.settings.database import MYSQL, database
from neruba.settings.environment import env, flag, read
from neruba.settings.logs import FORMATS, LEVELS, logging_config
from neruba.settings.security import *  # noqa: F403
from neruba.settings.static import is_collected, storages
from neruba.settings.tasks import *  # noqa: F403
from neruba.settings.tasks import broker, schedule

django_stubs_ext.monkeypatch()

MIN_TOKEN = 16

BASE_DIR = Path(__file__).resolve().parent.parent.parent
DATABASES = {"default": database(BASE_DIR)}
PROFILE = "production" if DATABASES["default"]["ENGINE"] == MYSQL else "embedded"
DEBUG = read(flag, "NERUBA_DEBUG", default=False, expected="true or false")
if DEBUG and PROFILE == "production":
    raise ImproperlyConfigured("NERUBA_DEBUG is refused on MySQL: it shows faults with source.")

# On the embedded profile keys are made once and kept beside the database.
KEPT = BASE_DIR / "var" if PROFILE == "embedded" else None
SECRET_KEY = security.secret(
    "NERUBA_SECRET_KEY",
    "a long random text",
    kept=KEPT and KEPT / "secret_key",
    made=security.long_random_text,
)
SECRET_KEY_FALLBACKS = read(
    env.list, "NERUBA_SECRET_KEY_FALLBACKS", [], "former secret keys with commas"
)
ENCRYPTION_KEYS = security.encryption_keys(kept=KEPT and KEPT / "encryption_key")
globals().update(security.https(production=PROFILE == "production"))
ALLOWED_HOSTS = read(
    env.list, "NERUBA_ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"], "host names with commas"
)
CSRF_TRUSTED_ORIGINS = read(env.list, "NERUBA_TRUSTED_ORIGINS", [], "https origins with commas")
API_DOCS = read(env.str, "NERUBA_API_DOCS", "staff", "open, staff or off")
if API_DOCS not in {"open", "staff", "off"}:
    raise ImproperlyConfigured("NERUBA_API_DOCS is not valid: expected open, staff or off.")

INSTALLED_APPS = [
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.simple_history",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "drf_standardized_errors",
    "simple_history",
    "axes",
    "csp",
    "django_structlog",
    "neruba",
    "ledger",
    "ingest",
    "billing",
    "payments",
    "support",
]
MIDDLEWARE = [
    # Outermost: the request's id stands in every line and on every answer.
    "neruba.ops.requests.RequestMiddleware",
    "neruba.middleware.ClientAddressMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "neruba.middleware.HeadersMiddleware",
    "neruba.middleware.ContentPolicyMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "neruba.admin.place.PlaceMiddleware",
    "neruba.middleware.RollingSessionMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "simple_history.middleware.HistoryRequestMiddleware",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "neruba.urls"
WSGI_APPLICATION = "neruba.wsgi.application"
APPEND_SLASH = False
AUTH_USER_MODEL = "neruba.User"
LOGIN_REDIRECT_URL = "admin:index"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

REDIS_URL: str = read(env.str, "REDIS_URL", "", "redis://host:port/number")
if REDIS_URL and not REDIS_URL.startswith(("redis://", "rediss://", "unix://")):
    raise ImproperlyConfigured("REDIS_URL is not valid: expected redis://host:port/number.")
CACHES = {
    "default": (
        {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
        if REDIS_URL
        else {
            "BACKEND": "django.core.cache.backends.locmem.LocMemCache",
            "OPTIONS": {"MAX_ENTRIES": 10_000},
        }
    )
}

CELERY_BROKER_URL, CELERY_BROKER_TRANSPORT_OPTIONS = broker(
    REDIS_URL, str(DATABASES["default"]["NAME"]), BASE_DIR
)
TICK_SECONDS = read(env.float, "NERUBA_TICK_SECONDS", 5, "seconds, such as 5")
CELERY_BEAT_SCHEDULE = schedule(TICK_SECONDS)
CELERY_BEAT_MAX_LOOP_INTERVAL = TICK_SECONDS
LEASE_SECONDS = read(env.int, "NERUBA_LEASE_SECONDS", 120, "seconds, a whole number")
BILLING_CHUNK = read(env.int, "NERUBA_BILLING_CHUNK", 500, "customers, a whole number")
if min(TICK_SECONDS, LEASE_SECONDS, BILLING_CHUNK) <= 0:
    raise ImproperlyConfigured(
        "NERUBA_TICK_SECONDS, NERUBA_LEASE_SECONDS and NERUBA_BILLING_CHUNK must be above 0."
    )

HEARTBEAT_SECONDS = read(
    env.float,
    "NERUBA_HEARTBEAT_SECONDS",
    max(60, 6 * TICK_SECONDS),
    "seconds, at least two ticks",
)
if HEARTBEAT_SECONDS < 2 * TICK_SECONDS:
    raise ImproperlyConfigured(
        "NERUBA_HEARTBEAT_SECONDS and NERUBA_TICK_SECONDS contradict each other: the heart beats "
        "once a tick, and must be allowed to miss one."
    )

ARCHIVE_DIR = Path(
    read(env.str, "NERUBA_ARCHIVE_DIR", str(BASE_DIR / "var" / "archive"), "a folder")
)
RETENTION_MIN_DAYS = read(env.int, "NERUBA_RETENTION_MIN_DAYS", 90, "days, a whole number")
INVOICE_KEEP_YEARS = read(env.int, "NERUBA_INVOICE_KEEP_YEARS", 10, "years, a whole number")
if min(RETENTION_MIN_DAYS, INVOICE_KEEP_YEARS) < 0:
    raise ImproperlyConfigured(
        "NERUBA_RETENTION_MIN_DAYS and NERUBA_INVOICE_KEEP_YEARS must not be below 0."
    )

# Another address of Stripe's API: the fake in tests and in the demo.
STRIPE_API_BASE = read(env.str, "NERUBA_STRIPE_API_BASE", "", "http://host:port").rstrip("/")
if STRIPE_API_BASE and not STRIPE_API_BASE.startswith(("http://", "https://")):
    raise ImproperlyConfigured("NERUBA_STRIPE_API_BASE is not valid: expected http://host:port.")

ALERTS_TO = read(env.list, "NERUBA_ALERTS_TO", [], "mail addresses with commas")
DEFAULT_FROM_EMAIL = read(env.str, "NERUBA_MAIL_FROM", "neruba@localhost", "a mail address")
globals().update(
    read(env.email_url, "NERUBA_MAIL_URL", "consolemail://", "smtp+tls://user:password@host:port")
)

USE_TZ = True
TIME_ZONE = "UTC"
LANGUAGE_CODE = "en"
USE_I18N = False
FORMAT_MODULE_PATH = "neruba.formats"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# The largest body: a batch of events, which is 5 MiB; every other endpoint sets its own, lower
# bound.
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "var" / "static"
STATIC_ROOT.mkdir(parents=True, exist_ok=True)
STORAGES = storages(STATIC_ROOT)
# Served from the packages themselves where `collectstatic` has not been run (demo, development).
WHITENOISE_USE_FINDERS = not is_collected(STATIC_ROOT)

SIMPLE_HISTORY_REVERT_DISABLED = True
SIMPLE_HISTORY_DATE_INDEX = "composite"

LOG_FORMAT = read(
    env.str, "NERUBA_LOG_FORMAT", "json" if PROFILE == "production" else "text", "json or text"
)
LOG_LEVEL = read(env.str, "NERUBA_LOG_LEVEL", "INFO", ", ".join(LEVELS)).upper()
if LOG_FORMAT not in FORMATS:
    raise ImproperlyConfigured("NERUBA_LOG_FORMAT is not valid: expected json or text.")
if LOG_LEVEL not in LEVELS:
    raise ImproperlyConfigured(f"NERUBA_LOG_LEVEL is not valid: expected {', '.join(LEVELS)}.")
LOGGING = logging_config(LOG_FORMAT, LOG_LEVEL)
# Carries the request's id to tasks, and writes a line when one ends.
DJANGO_STRUCTLOG_CELERY_ENABLED = True
DJANGO_STRUCTLOG_CELERY_TASK_START_LOG_LEVEL = logging.DEBUG
# A message of the schedule that expired unread is no news: the next one does its work.
DJANGO_STRUCTLOG_CELERY_TASK_RETRY_LOG_LEVEL = logging.DEBUG

METRICS_TOKEN: str = read(
    env.str, "NERUBA_METRICS_TOKEN", "", f"a random text of {MIN_TOKEN} characters or more"
)
if METRICS_TOKEN and len(METRICS_TOKEN) < MIN_TOKEN:
    raise ImproperlyConfigured(
        f"NERUBA_METRICS_TOKEN is not valid: expected a random text of {MIN_TOKEN} characters or "
        "more."
    )
# Read by prometheus_client itself, which would fail at the first request.
METRICS_FOLDER: str = read(env.str, "PROMETHEUS_MULTIPROC_DIR", "", "a folder that exists")
if METRICS_FOLDER and not Path(METRICS_FOLDER).is_dir():
    raise ImproperlyConfigured(
        "PROMETHEUS_MULTIPROC_DIR is not valid: expected a folder that exists."
    )
