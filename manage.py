#!/usr/bin/env python
"""Django's command line.

`simulate` runs on a private in-memory database; `--settings` of `create_project` are the project's.
"""

import os
import re
import sys

from django.core.management import execute_from_command_line

PRIVATE_DATABASE_COMMANDS = {"simulate"}


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "neruba.settings")
    if len(sys.argv) > 1 and sys.argv[1] in PRIVATE_DATABASE_COMMANDS:
        # Decided before settings are read, so that no scenario can reach a real database.
        os.environ["DATABASE_URL"] = "sqlite://:memory:"
        os.environ["NERUBA_ALLOWED_HOSTS"] = "localhost"
        os.environ.pop("REDIS_URL", None)
    execute_from_command_line(django_arguments(sys.argv))


def django_arguments(given: list[str]) -> list[str]:
    """Rename what Django would take for its own settings module before the command sees it."""
    if given[1:2] != ["create_project"]:
        return given
    return [re.sub(r"^--settings(?==|$)", "--project-settings", argument) for argument in given]


if __name__ == "__main__":
    main()
