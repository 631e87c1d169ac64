"""Static files: from the packages themselves, or as `manage.py collectstatic` has gathered them."""

import sys
from pathlib import Path
from typing import Any

MANIFEST = "staticfiles.json"
PLAIN = "django.contrib.staticfiles.storage.StaticFilesStorage"
HASHED = "whitenoise.storage.CompressedManifestStaticFilesStorage"


def is_collected(root: Path) -> bool:
    """Whether the files are in `root`, or are being gathered into it: then their names carry
    hashes, and browsers keep them for good.
    """
    return (root / MANIFEST).exists() or sys.argv[1:2] == ["collectstatic"]


def storages(root: Path) -> dict[str, Any]:
    """Django's STORAGES for static files in `root`."""
    return {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": HASHED if is_collected(root) else PLAIN},
    }
