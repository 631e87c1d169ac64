"""`manage.py bill`: run billing in the foreground."""

import json
from typing import Any

from django.core.management.base import CommandError, CommandParser
from tqdm import tqdm

from billing.api.runs import run_body
from billing.execution import execute_run
from billing.models import BillingRun
from billing.services.runs import create_run
from neruba import clock
from neruba.actor import Actor
from neruba.edge import run_atomic
from neruba.errors import NerubaError
from neruba.management.base import ProjectCommand, instant

COMMAND_LINE = Actor("operator", "command line")


class Command(ProjectCommand):
    help = "Bill what is due and not done, with a progress bar, and print the run as JSON."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", required=True, help="the project's slug")
        parser.add_argument("--as-of", type=instant, help="RFC 3339; left out: the project's time")
        parser.add_argument(
            "--dry-run", action="store_true", help="compute everything, store nothing"
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        project = self.project(options["project"])
        at = clock.now(project)
        try:
            run = run_atomic(
                lambda: create_run(
                    project=project,
                    as_of=options["as_of"],
                    customers=None,
                    dry_run=options["dry_run"],
                    trigger=BillingRun.Trigger.COMMAND,
                    actor=COMMAND_LINE,
                    at=at,
                )
            )
            with tqdm(unit=" customers", desc="billing", file=self.stderr) as bar:

                def progress(done: int, of: int) -> None:
                    bar.total = of
                    bar.update(done - bar.n)

                run = execute_run(run, at=max(at, run.as_of), progress=progress)
        except NerubaError as error:
            raise CommandError(error.detail) from error
        body = run_body(run)
        self.stdout.write(json.dumps(body, indent=2))
        if run.error:
            raise CommandError(f"The run could not be planned: {run.error}")
        if parked := body["progress"]["failed"]:
            raise CommandError(
                f"{parked} customers are parked, everybody else is billed. The causes: "
                f"Billing runs in the console, or GET /billing-runs/{run.public_id}/items."
            )
