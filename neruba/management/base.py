"""What the commands share: a project by its slug, times from the command line, refusals as one
clear line.
"""

from argparse import ArgumentTypeError
from datetime import datetime

from django.core.management.base import BaseCommand, CommandError

from neruba.models import Project
from neruba.period import parse_instant


def instant(text: str) -> datetime:
    """An argument that is a time, RFC 3339."""
    try:
        return parse_instant(text)
    except ValueError as error:
        raise ArgumentTypeError(str(error)) from error


class ProjectCommand(BaseCommand):
    """A command of one project."""

    def project(self, slug: str) -> Project:
        """The project, or a CommandError that says which slugs there are."""
        project = Project.objects.filter(slug=slug).first()
        if project is None:
            slugs = ", ".join(Project.objects.values_list("slug", flat=True)[:10]) or "none yet"
            raise CommandError(f"There is no project {slug!r}. Projects: {slugs}.")
        return project
