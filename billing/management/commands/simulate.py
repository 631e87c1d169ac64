"""`manage.py simulate`: play scenarios in a private in-memory database (see manage.py) through the
real API.
"""

import json
import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from tqdm import tqdm

from billing.scenarios import ScenarioError, play


class Command(BaseCommand):
    help = (
        "Play scenarios (JSON files with one scenario, or a list) and print one JSON object each. "
        "Exit status 1 when an expectation fails."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", type=Path, metavar="FILE")

    def handle(self, *_args: Any, **options: Any) -> None:
        if settings.DATABASES["default"]["NAME"] != ":memory:":
            raise CommandError("simulate runs on an in-memory database of its own: use manage.py.")
        call_command("migrate", verbosity=0)
        scenarios = [found for path in options["files"] for found in _read(path)]
        failed = 0
        for index, scenario in enumerate(
            tqdm(scenarios, unit=" scenarios", file=self.stderr, disable=len(scenarios) == 1)
        ):
            try:
                outcome = play(scenario, slug=f"scenario-{index}")
            except ScenarioError as error:
                raise CommandError(str(error)) from error
            failed += not outcome["ok"]
            self.stdout.write(json.dumps(outcome, ensure_ascii=False))
        if failed:
            self.stderr.write(f"{failed} of {len(scenarios)} scenarios failed.")
            sys.exit(1)


def _read(path: Path) -> list[Any]:
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise CommandError(f"{path}: {error}") from error
    return content if isinstance(content, list) else [content]
