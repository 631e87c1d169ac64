"""`manage.py bill`: run billing in the foreground."""

import json
from datetime import datetime
from functools import partial
from typing import Any

from django.core.management.base import CommandError, CommandParser
from tqdm import tqdm

from billing.api.runs import run_body
from billing.execution import execute_run
from billing.models import BillingRun
from billing.services.runs import create_run, repeat_run
from neruba import clock
from neruba.actor import Actor
from neruba.edge import run_atomic
from neruba.errors import NerubaError
from neruba.management.base import ProjectCommand, instant
from neruba.models import Project

COMMAND_LINE = Actor("operator", "command line")


class Command(ProjectCommand):
    help = "Bill what is due and not done, with a progress bar, and print the run as JSON."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", required=True, help="the project's slug")
        parser.add_argument("--as-of", type=instant, help="RFC 3339; left out: the project's time")
        parser.add_argument(
            "--dry-run", action="store_true", help="compute everything, store nothing"
        )
        parser.add_argument(
            "--repeat",
            metavar="RUN",
            help="compute the documents of this run again and compare; nothing is billed",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        project = self.project(options["project"])
        at = clock.now(project)
        try:
            run = run_atomic(partial(self._run, project, at, options))
            with tqdm(unit=" customers", desc="billing", file=self.stderr) as bar:

                def progress(done: int, of: int) -> None:
                    bar.total = of
                    bar.update(done - bar.n)

                run = execute_run(run, at=max(at, run.as_of), progress=progress)
        except NerubaError as error:
            raise CommandError(error.detail) from error
        self._report(run)

    def _run(self, project: Project, at: datetime, options: dict[str, Any]) -> BillingRun:
        noted: dict[str, Any] = {
            "trigger": BillingRun.Trigger.COMMAND,
            "actor": COMMAND_LINE,
            "at": at,
        }
        if options["repeat"] is None:
            return create_run(
                project=project,
                as_of=options["as_of"],
                customers=None,
                dry_run=options["dry_run"],
                **noted,
            )
        run = BillingRun.objects.filter(project=project, public_id=options["repeat"]).first()
        if run is None:
            raise CommandError(f"There is no run {options['repeat']!r} in this project.")
        return repeat_run(run=run, **noted)

    def _report(self, run: BillingRun) -> None:
        body = run_body(run)
        self.stdout.write(json.dumps(body, indent=2))
        if run.error:
            raise CommandError(f"The run could not be planned: {run.error}")
        parked = body["progress"]["failed"]
        if body["matches"] is False:
            raise CommandError(
                f"Documents of {parked} customers came out otherwise; see the items."
            )
        if parked:
            raise CommandError(
                f"{parked} customers are parked, everybody else is billed. The causes: "
                f"Billing runs in the console, or GET /billing-runs/{run.public_id}/items."
            )
