"""`manage.py show_settings`: every variable of the environment, and what it is."""

import json
import os
import re
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from neruba.settings.environment import READ_ELSEWHERE, VARIABLES
from neruba.settings.logs import masked

SECRET = re.compile(r"SECRET|KEY|TOKEN|PASSWORD|SALT")


class Command(BaseCommand):
    help = "Print every variable, its value (secrets masked), where it comes from, its default."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true")

    def handle(self, *_args: Any, **options: Any) -> None:
        rows = [
            _row(one.name, one.given, one.default, f"expected {one.expected}")
            for one in VARIABLES.values()
        ]
        rows += [_row(name, os.environ.get(name), "", use) for name, use in READ_ELSEWHERE.items()]
        if options["json"]:
            self.stdout.write(json.dumps(rows, indent=2))
            return
        for row in rows:
            self.stdout.write(f"{row['name']}={row['value']}")
            self.stdout.write(f"    {row['source']}; default {row['default']!r}; {row['meaning']}")


def _row(name: str, given: str | None, default: Any, meaning: str) -> dict[str, str]:
    fallback = _shown(name, ",".join(default) if isinstance(default, list) else str(default))
    return {
        "name": name,
        "value": fallback if given is None else _shown(name, given),
        "source": "default" if given is None else "environment",
        "default": fallback,
        "meaning": meaning,
    }


def _shown(name: str, value: str) -> str:
    """A secret's value is shown by its length alone; a URL without its password."""
    if value and SECRET.search(name):
        return f"({len(value)} characters)"
    return masked(value)
