#!/usr/bin/env python
"""Django's command line; `simulate` alone runs on a private in-memory database."""

import os
import sys

from django.core.management import execute_from_command_line

PRIVATE_DATABASE_COMMANDS = {"simulate"}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "neruba.settings")
    if len(sys.argv) > 1 and sys.argv[1] in PRIVATE_DATABASE_COMMANDS:
        # Decided before settings are read, so that no scenario can reach a real database.
        os.environ["DATABASE_URL"] = "sqlite://:memory:"
        os.environ.pop("REDIS_URL", None)
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
