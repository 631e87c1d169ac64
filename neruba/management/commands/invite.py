"""`manage.py invite --project SLUG --email ADDRESS --role ROLE`: asks somebody into a project."""

from functools import partial
from typing import Any

from django.core.management.base import CommandError, CommandParser

from neruba import clock
from neruba.actor import SYSTEM
from neruba.edge import run_atomic
from neruba.errors import NerubaError
from neruba.management.base import ProjectCommand
from neruba.roles import Role
from neruba.services.invites import invite


class Command(ProjectCommand):
    help = "Invites an address to a project and prints the end of the link, once."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", required=True, help="its slug")
        parser.add_argument("--email", required=True)
        parser.add_argument("--role", required=True, choices=[role.value for role in Role])
        parser.add_argument("--reason", default="", help="for the audit history")

    def handle(self, *_args: Any, **given: Any) -> None:
        project = self.project(given["project"])
        work = partial(
            invite,
            project=project,
            email=given["email"],
            role=Role(given["role"]),
            by=Role.OWNER,  # who runs commands here may do all
            actor=SYSTEM,
            at=clock.now(project),
            wall=clock.wall(),
            reason=given["reason"],
        )
        try:
            issued = run_atomic(work)
        except NerubaError as error:
            raise CommandError(error.detail) from error
        self.stdout.write(f"/invite/{issued.token}")
