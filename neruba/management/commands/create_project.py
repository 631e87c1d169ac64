"""`manage.py create_project SLUG --currency USD`: a project, its first API key and its owner."""

import json
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from neruba import clock
from neruba.actor import SYSTEM
from neruba.edge import run_atomic
from neruba.errors import NerubaError
from neruba.management.base import instant
from neruba.models import Project, User
from neruba.roles import Role
from neruba.services.api_keys import issue_api_key
from neruba.services.invites import checked_email, invite
from neruba.services.memberships import add_member
from neruba.services.projects import create_project

KEY_NAME = "first key"


class Command(BaseCommand):
    help = "Creates a project and prints its first API key, once. The key has the scope admin."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        """Every command of Django has --settings; here it names the project's."""
        return super().create_parser(prog_name, subcommand, conflict_handler="resolve", **kwargs)

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("slug", help="short name in addresses: letters, digits, . _ -")
        parser.add_argument("--name", help="name for people; the slug unless given")
        parser.add_argument("--currency", required=True, help="ISO 4217, such as USD")
        parser.add_argument("--timezone", default="UTC", help="IANA name, such as Europe/Berlin")
        parser.add_argument("--mode", choices=Project.Mode.values, default=Project.Mode.LIVE)
        parser.add_argument(
            "--clock", type=instant, help="where a sandbox's clock starts (RFC 3339); default now"
        )
        # manage.py hands --settings on under the longer name, before Django takes it for its own.
        parser.add_argument(
            "--settings",
            "--project-settings",
            dest="project_settings",
            default="{}",
            metavar="JSON",
            help="what differs from the defaults; see docs/settings.md",
        )
        parser.set_defaults(settings=None)
        parser.add_argument(
            "--owner",
            metavar="EMAIL",
            help="its first owner: an operator, or somebody for whom an invite is printed",
        )
        parser.add_argument(
            "--json",
            action="store_true",
            help='print {"project", "api_key"}, with --owner "invite" too: its token or null',
        )

    def handle(self, *_args: Any, **given: Any) -> None:
        work = partial(
            _create,
            slug=given["slug"],
            name=given["name"] or given["slug"],
            currency=given["currency"],
            timezone=given["timezone"],
            mode=given["mode"],
            clock_at=given["clock"],
            settings=_settings(given["project_settings"]),
            owner=given["owner"],
            wall=clock.wall(),
        )
        try:
            made = run_atomic(work)
        except NerubaError as error:
            raise CommandError(error.detail) from error
        project = made.project
        if given["json"]:
            answer: dict[str, str | None] = {"project": project.slug, "api_key": made.secret}
            if given["owner"]:
                answer["invite"] = made.invite
            self.stdout.write(json.dumps(answer))
            return
        self.stdout.write(f"Project {project.slug} ({project.mode}, {project.currency}).")
        self.stdout.write(f"API key (scope admin; shown this once): {made.secret}")
        if made.invite:
            self.stdout.write(f"Invite of its owner (shown this once): /invite/{made.invite}")


@dataclass(frozen=True, slots=True)
class Made:
    """A new project, the secret of its key, and the token of its owner's invite."""

    project: Project
    secret: str
    invite: str | None


def _create(*, wall: datetime, owner: str | None, **content: Any) -> Made:
    project = create_project(actor=SYSTEM, wall=wall, **content)
    issued = issue_api_key(
        project=project,
        name=KEY_NAME,
        scopes=["admin"],
        expires_at=None,
        actor=SYSTEM,
        at=clock.now(project),
        wall=wall,
    )
    return Made(project, issued.secret, _owned(project, owner, wall) if owner else None)


def _owned(project: Project, email: str, wall: datetime) -> str | None:
    """Give the project its owner; for one who is no operator yet, the token of an invite."""
    at = clock.now(project)
    user = User.objects.filter(email=checked_email(email), is_active=True).first()
    if user is not None:
        add_member(project=project, user=user, role=Role.OWNER, actor=SYSTEM, at=at, wall=wall)
        return None
    return invite(
        project=project,
        email=email,
        role=Role.OWNER,
        by=Role.OWNER,
        actor=SYSTEM,
        at=at,
        wall=wall,
    ).token


def _settings(text: str) -> dict[str, Any]:
    try:
        settings = json.loads(text)
    except ValueError as error:
        raise CommandError(f"--settings is not JSON: {error}") from error
    if not isinstance(settings, dict):
        raise CommandError('--settings: expected an object such as {"finalization_grace": "PT0S"}')
    return settings
