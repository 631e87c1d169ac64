"""`manage.py smoke --project SLUG`: does it work, after a deploy?"""

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import CommandError, CommandParser

from neruba.management.base import ProjectCommand
from neruba.ops.smoke import Door, InProcess, Served, Smoke


class Command(ProjectCommand):
    help = (
        "Go through the HTTP interface once: key, event, duplicate, usage, preview, void. Leaves a "
        "voided event of a customer of its own, and a revoked key. Exit status 1 with the step "
        "that failed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", required=True, help="the project's slug")
        parser.add_argument("--url", help="a running server; without it in this process")
        parser.add_argument("--json", action="store_true", help="print the steps as JSON")

    def handle(self, *_args: Any, **options: Any) -> None:
        smoke = Smoke(self.project(options["project"]), _door(options["url"]))
        done = []
        for step in smoke.steps():
            done.append(step)
            if not options["json"]:
                state = "ok    " if step.ok else "FAILED"
                self.stdout.write(f"{state} {step.name:9} {step.milliseconds:5} ms  {step.detail}")
        failed = [step.name for step in done if not step.ok]
        if options["json"]:
            said = {"ok": not failed, "steps": [asdict(step) for step in done]}
            self.stdout.write(json.dumps(said, indent=2))
        if failed:
            raise CommandError(f"Failed: {', '.join(failed)}.")


def _door(url: str | None) -> Door:
    if url is None:
        return InProcess()
    if not url.startswith(("http://", "https://")):
        raise CommandError("--url: expected http://host:port or https://host.")
    return Served(url.rstrip("/"))
