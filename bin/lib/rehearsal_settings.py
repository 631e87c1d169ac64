"""The product's settings, but that nothing leaves the process: no message, no mail, no cache.

A copy of the database holds the customers' addresses and the news that was waiting for them.
"""

from neruba.settings import *  # noqa: F403

CELERY_BROKER_URL = "memory://"  # a nudge ends with the process
CELERY_BROKER_TRANSPORT_OPTIONS = {}
EMAIL_BACKEND = "django.core.mail.backends.dummy.EmailBackend"
ALERTS_TO = []
REDIS_URL = ""
CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
