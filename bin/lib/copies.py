"""A database dumped into a file, and the file restored as another database beside it."""

import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO
from urllib.parse import unquote, urlsplit, urlunsplit

DUMP_PROGRAMS = ("mariadb-dump", "mysqldump")
CLIENT_PROGRAMS = ("mariadb", "mysql")
# One snapshot for all tables, without holding anybody up; what changes the schema meanwhile breaks
# it. Triggers and routines with it; bytes as hexadecimal digits.
DUMP_OPTIONS = (
    *("--single-transaction", "--quick", "--triggers", "--routines", "--hex-blob"),
    *("--no-tablespaces", "--default-character-set=utf8mb4"),
)
SQLITE = "sqlite:///"


class CopyError(Exception):
    """A dump or a restore failed; says what the program printed."""


def copy_url(source: str, into: str) -> str:
    """The DATABASE_URL of the copy: `into` itself if it is one, else a database (SQLite: a file) of
    this name beside the source; with no name given it is the source's with `_rehearsal`.

    Raises CopyError for the source itself.
    """
    if "://" in into:
        url = into
    elif source.startswith(SQLITE):
        path = Path(source.removeprefix(SQLITE))
        url = f"{SQLITE}{path.with_name(into or f'{path.stem}_rehearsal{path.suffix}')}"
    else:
        name = into or f"{database_name(source)}_rehearsal"
        url = urlunsplit(urlsplit(source)._replace(path=f"/{name}"))
    if where(url) == where(source):
        raise CopyError("The copy would be restored over its source.")
    if url.startswith(SQLITE) != source.startswith(SQLITE):
        raise CopyError("A dump is restored into a database of the same kind.")
    return url


def where(url: str) -> str:
    """The database without login, for people."""
    if url.startswith(SQLITE):
        return url.removeprefix(SQLITE)
    parts = urlsplit(url)
    return f"{database_name(url)} on {parts.hostname}:{parts.port or 3306}"


def database_name(url: str) -> str:
    return urlsplit(url).path.strip("/")


def dump(url: str, file: Path) -> None:
    """Write the database into `file`, as it is at one instant, while others go on writing to it."""
    if url.startswith(SQLITE):
        backup(Path(url.removeprefix(SQLITE)), file)
        return
    with login_of(url, file.parent) as login, file.open("wb") as output:
        run(program(DUMP_PROGRAMS), login, *DUMP_OPTIONS, database_name(url), stdout=output)


def create(url: str, folder: Path) -> None:
    """Make the database for a copy. Raises CopyError where there is one of this name."""
    if url.startswith(SQLITE):
        try:
            Path(url.removeprefix(SQLITE)).touch(mode=0o600, exist_ok=False)
        except FileExistsError as error:
            raise CopyError(f"{where(url)} exists; choose another with --into.") from error
        return
    with login_of(url, folder) as login:
        name = f"`{database_name(url)}` CHARACTER SET utf8mb4"
        run(program(CLIENT_PROGRAMS), login, f"--execute=CREATE DATABASE {name}")


def restore(file: Path, url: str, folder: Path) -> None:
    """Read a dump into the database that `create` made."""
    if url.startswith(SQLITE):
        backup(file, Path(url.removeprefix(SQLITE)))
        return
    with login_of(url, folder) as login, file.open("rb") as rows:
        client = (program(CLIENT_PROGRAMS), login, "--default-character-set=utf8mb4")
        run(*client, database_name(url), stdin=rows)


def remove(url: str, folder: Path) -> None:
    """Remove a copy that `create` made."""
    if url.startswith(SQLITE):
        for ending in ("", "-wal", "-shm", ".migrating"):
            Path(f"{url.removeprefix(SQLITE)}{ending}").unlink(missing_ok=True)
        return
    with login_of(url, folder) as login:
        drop = f"--execute=DROP DATABASE IF EXISTS `{database_name(url)}`"
        run(program(CLIENT_PROGRAMS), login, drop)


def backup(source: Path, target: Path) -> None:
    """Copy a SQLite database in one read transaction; writers go on, in the write-ahead log."""
    if not source.exists():
        raise CopyError(f"{source} does not exist.")
    with closing(sqlite3.connect(source)) as reader, closing(sqlite3.connect(target)) as writer:
        reader.backup(writer, pages=-1)


@contextmanager
def login_of(url: str, folder: Path) -> Iterator[str]:
    """The option that logs a client program in. The password is in a file, since the arguments of a
    process are seen by every user of the machine.
    """
    parts = urlsplit(url)
    options = {
        "user": unquote(parts.username or ""),
        "password": unquote(parts.password or ""),
        "host": unquote(parts.hostname or "127.0.0.1"),
        "port": str(parts.port or 3306),
    }
    lines = [
        f'{name}="{value.replace(chr(92), 2 * chr(92)).replace(chr(34), chr(92) + chr(34))}"'
        for name, value in options.items()
    ]
    file = folder / "login.cnf"
    file.touch(mode=0o600)
    try:
        file.write_text("\n".join(["[client]", *lines, ""]))
        yield f"--defaults-extra-file={file}"
    finally:
        file.unlink()


def program(names: tuple[str, ...]) -> str:
    for name in names:
        if found := shutil.which(name):
            return found
    raise CopyError(f"{names[0]} not found. On Debian: apt-get install mariadb-client")


def run(*command: str, stdin: IO[bytes] | None = None, stdout: IO[bytes] | None = None) -> None:
    done = subprocess.run(command, stdin=stdin, stdout=stdout, stderr=subprocess.PIPE, check=False)
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip()
        raise CopyError(f"{Path(command[0]).name} failed: {said[-2000:]}")
