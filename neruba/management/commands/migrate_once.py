"""`manage.py migrate_once`: bring the database up to date, however many hosts start at once."""

from typing import Any

from django.apps import apps
from django.contrib.auth import get_permission_codename
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from neruba.append_only import missing_triggers
from neruba.errors import RetryableError
from neruba.migration_lock import migration_lock

WAIT_S = 300


class Command(BaseCommand):
    help = (
        "Apply what migrations are missing, as `migrate` does, with a lock: of many hosts that "
        "start at once one applies them, the others wait and go on. Refuses a database that newer "
        "code has migrated."
    )
    # Checks of the database would ask for tables that are not there yet.
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--wait", type=int, default=WAIT_S, metavar="SECONDS", help="for another host; 300"
        )
        parser.add_argument(
            "--allow-newer",
            action="store_true",
            help="go on with a database that newer code has migrated: for going back one release",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        if self._is_done(allow_newer=options["allow_newer"]):
            return
        try:
            with migration_lock(connection, wait_s=options["wait"], tell=self.stdout.write):
                # Another host may have done it meanwhile.
                if not self._is_done(allow_newer=options["allow_newer"]):
                    self._apply(options["verbosity"])
        except RetryableError as error:
            raise CommandError(f"{error.detail} See docs/deploy.md, Migrations.") from error

    def _is_done(self, *, allow_newer: bool) -> bool:
        """Whether nothing is left to do, which is then said. Raises CommandError for a database
        that is newer than the code.
        """
        executor = MigrationExecutor(connection)
        missing, unknown = _missing(executor), _unknown(executor)
        if unknown and (missing or not allow_newer):
            raise CommandError(_newer(unknown, missing))
        if unknown:
            self.stdout.write(f"The database is newer by {', '.join(unknown)}; going on with it.")
            return True
        if missing or missing_triggers() or _permissions_are_missing():
            return False
        self.stdout.write("The database is up to date.")
        return True

    def _apply(self, verbosity: int) -> None:
        try:
            call_command("migrate", interactive=False, verbosity=verbosity, stdout=self.stdout)
        except DatabaseError as error:
            begun = _missing(MigrationExecutor(connection))
            raise CommandError(
                f"{begun[0] if begun else 'A step after the last migration'} failed: {error}\n"
                "On MariaDB and MySQL each statement before it stands. "
                "See docs/deploy.md, A migration that stopped halfway."
            ) from error


def _missing(executor: MigrationExecutor) -> list[str]:
    """The migrations that the code has and the database has not, in the order of application: also
    one before the last that is applied, which Django's own plan passes over.
    """
    graph, applied = executor.loader.graph, executor.loader.applied_migrations
    keys = dict.fromkeys(key for leaf in graph.leaf_nodes() for key in graph.forwards_plan(leaf))
    return [".".join(key) for key in keys if key not in applied]


def _unknown(executor: MigrationExecutor) -> list[str]:
    """The migrations that the database has and the code has not, by name."""
    loader = executor.loader
    known = set(loader.disk_migrations)
    known |= {key for migration in loader.disk_migrations.values() for key in migration.replaces}
    return sorted(".".join(key) for key in set(loader.applied_migrations) - known)


def _newer(unknown: list[str], missing: list[str]) -> str:
    names = f"The database has migrations that this code does not know: {', '.join(unknown)}."
    if missing:
        return (
            f"{names} This code also misses {', '.join(missing)} there, so it is no earlier "
            "release of the same line: it cannot run on this database."
        )
    return f"{names} To go back to this release: --allow-newer. See docs/going-back.md."


def _permissions_are_missing() -> bool:
    """Whether the last host was killed after its migrations and before what follows them."""
    wanted = {
        (model._meta.app_label, codename)
        for model in apps.get_models()
        for codename in (
            *(get_permission_codename(one, model._meta) for one in model._meta.default_permissions),
            *(codename for codename, _ in model._meta.permissions),
        )
    }
    standing = Permission.objects.values_list("content_type__app_label", "codename")
    return not wanted <= set(standing)
