"""A MariaDB and a Redis of one's own, on free ports, with throwaway data in memory.

    eval "$(bin/services start)"    start both; DATABASE_URL and REDIS_URL lead to them
    eval "$(bin/services stop)"     stop both and remove their data

Needs their programs on the machine, but no rights and no running service.
"""

import argparse
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

PACKAGES = "mariadb-server-core mariadb-client-core redis-server"
POINTER = (
    Path(__file__).resolve().parents[2] / "var" / "services"
)  # where those started by hand are
MEMORY = Path("/dev/shm")  # noqa: S108 - names in it are made by mkdtemp
SECRET_KEY = "only-for-throwaway-data-on-this-machine"  # noqa: S105 - no secret
ENCRYPTION_KEY = "b25seS1mb3ItdGhyb3dhd2F5LWRhdGEtYW55d2hlcmU="  # no secret either
# What production asks for beside a database, and plain http.
THROWAWAY = {
    "NERUBA_SECRET_KEY": SECRET_KEY,
    "NERUBA_ENCRYPTION_KEYS": ENCRYPTION_KEY,
    "NERUBA_HTTPS": "false",
}
START_LIMIT_S = 60


class ServiceError(Exception):
    """A server is not installed or did not start."""


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("action", choices=["start", "stop"])
    parser.add_argument("--dir", type=Path, help="an empty folder for data, sockets and logs")
    arguments = parser.parse_args()
    return start(arguments.dir) if arguments.action == "start" else stop(arguments.dir)


def start(given: Path | None) -> int:
    folder = given
    if folder is None:
        if POINTER.exists():
            print("Already started: bin/services stop", file=sys.stderr)
            return 1
        folder = new_folder()
        POINTER.parent.mkdir(exist_ok=True)
        POINTER.write_text(str(folder))
    try:
        variables = launch(folder)
    except ServiceError as error:
        stop(given)
        print(f"bin/services: {error}", file=sys.stderr)
        return 1
    print("export", *(f"{name}={value}" for name, value in variables.items()))
    return 0


def stop(given: Path | None) -> int:
    """Stop what runs in the folder and remove it; nothing to stop is no error."""
    folder = given
    if folder is None and POINTER.exists():
        folder = Path(POINTER.read_text())
        POINTER.unlink()
    if folder is not None:
        end(folder)
    print("unset", "DATABASE_URL", "REDIS_URL", *THROWAWAY)
    return 0


def new_folder() -> Path:
    return Path(tempfile.mkdtemp(prefix="neruba-", dir=MEMORY if MEMORY.is_dir() else None))


def launch(folder: Path) -> dict[str, str]:
    """Start both in an empty folder; return the environment variables that lead to them.

    Raises ServiceError with the end of each log; whatever did start is then for `end`.
    """
    try:
        return {
            "DATABASE_URL": start_mariadb(folder),
            "REDIS_URL": start_redis(folder),
            **THROWAWAY,
        }
    except (OSError, subprocess.CalledProcessError) as error:
        logs = [
            f"{log.name}: {log.read_text(errors='replace')[-3000:]}" for log in folder.glob("*.log")
        ]
        raise ServiceError("\n".join([str(error), *logs])) from error


def end(folder: Path) -> None:
    """Stop what `launch` started, at once, and remove its data."""
    for pid_file in folder.glob("*.pid"):
        with suppress(ProcessLookupError):
            os.kill(int(pid_file.read_text()), signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


def start_mariadb(folder: Path) -> str:
    """Options make it strict as in production (binary log, a user without rights) and fast."""
    data, port, endpoint = folder / "data", free_port(), folder / "mariadb.sock"
    as_root = ["--user=root"] if os.geteuid() == 0 else []
    run(
        folder / "mariadb-install",
        *(program("mariadb-install-db"), "--no-defaults", f"--datadir={data}", *as_root),
        *("--skip-test-db", "--auth-root-authentication-method=normal"),
    )
    server = spawn(
        folder / "mariadb",
        *(program("mariadbd"), "--no-defaults", f"--datadir={data}", *as_root),
        *(f"--socket={endpoint}", f"--port={port}", "--bind-address=127.0.0.1"),
        *("--skip-name-resolve", "--character-set-server=utf8mb4", "--performance-schema=OFF"),
        *("--log-bin=binlog", "--binlog-format=ROW", "--log-bin-trust-function-creators=1"),
        *("--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0", "--sync-binlog=0"),
    )
    client = (program("mariadb"), "--no-defaults", f"--socket={endpoint}", "--user=root")
    wait_until_up(server, lambda: succeeds(*client, "--execute=SELECT 1"))
    user = "neruba@127.0.0.1"
    statements = (
        "CREATE DATABASE neruba",
        f"CREATE USER {user} IDENTIFIED BY 'neruba'",
        rf"GRANT ALL ON `neruba%`.* TO {user}",
        rf"GRANT ALL ON `test\_neruba%`.* TO {user}",
    )
    run(folder / "mariadb-client", *client, f"--execute={'; '.join(statements)}")
    return f"mysql://neruba:neruba@127.0.0.1:{port}/neruba"


def start_redis(folder: Path) -> str:
    port = str(free_port())
    server = spawn(
        folder / "redis",
        *(program("redis-server"), "--bind", "127.0.0.1", "--port", port),
        *("--save", "", "--appendonly", "no", "--dir", str(folder)),
    )
    wait_until_up(server, lambda: succeeds(program("redis-cli"), "-p", port, "ping"))
    return f"redis://127.0.0.1:{port}/0"


def program(name: str) -> str:
    """The path of a program; Debian's servers are in a folder that is not on every user's PATH."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        raise ServiceError(f"{name} not found. On Debian: apt-get install {PACKAGES}")
    return found


def run(name: Path, *command: str) -> None:
    with name.with_suffix(".log").open("wb") as log:
        subprocess.run(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, check=True)


def succeeds(*command: str) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def spawn(name: Path, *command: str) -> subprocess.Popen[bytes]:
    """Start a server in a session of its own: a Ctrl-C in the terminal is not for it."""
    with name.with_suffix(".log").open("wb") as log:
        server = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    name.with_suffix(".pid").write_text(str(server.pid))
    return server


def wait_until_up(server: subprocess.Popen[bytes], answers: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while not answers():
        if server.poll() is not None or time.monotonic() > deadline:
            raise OSError(f"{server.args!r} did not come up")
        time.sleep(0.1)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


if __name__ == "__main__":
    sys.exit(main())
