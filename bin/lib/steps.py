"""The steps of bin/test: two at a time, each with its output in one piece, a summary at the end."""

import argparse
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bin.lib import services

AT_ONCE = 2
STOP_LIMIT_S = 5
NO_TESTS_COLLECTED = 5
LOGS = Path("build/test")
MANAGE = (".venv/bin/python", "manage.py")
OPENAPI = "docs/openapi.yaml"


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    always_show: bool = False
    accepted: frozenset[int] = frozenset({0})


@dataclass(frozen=True, slots=True)
class Outcome:
    name: str
    passed: bool
    seconds: float


def main() -> int:
    parser = argparse.ArgumentParser(prog="bin/test", add_help=False, allow_abbrev=False)
    parser.add_argument("--sqlite-only", action="store_true")
    known, pytest_arguments = parser.parse_known_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    started = time.monotonic()
    folder = Path(tempfile.mkdtemp(prefix="neruba-test-"))
    servers = None if known.sqlite_only else services.new_folder()
    try:
        sqlite = embedded_profile(folder)
        mariadb = sqlite | services.launch(servers) if servers else None
        outcomes = Runner().run(steps(folder, sqlite, mariadb, pytest_arguments))
    except services.ServiceError as error:
        print(f"bin/test: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 128 + signal.SIGINT
    finally:
        if servers:
            services.end(servers)
        shutil.rmtree(folder, ignore_errors=True)
    print_summary(outcomes, time.monotonic() - started)
    return 0 if all(outcome.passed for outcome in outcomes) else 1


def embedded_profile(folder: Path) -> dict[str, str]:
    """The environment of the terminal, but for what would lead the tests to other data."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name == "NERUBA_EXAMPLES" or not name.startswith(("NERUBA_", "DATABASE_", "REDIS_"))
    }
    return kept | {
        "DATABASE_URL": f"sqlite:///{folder / 'neruba.sqlite3'}",
        **services.THROWAWAY,
    }


def steps(
    folder: Path,
    sqlite: Mapping[str, str],
    mariadb: Mapping[str, str] | None,
    pytest_arguments: Sequence[str],
) -> list[Step]:
    """All steps, the longest first."""
    pytest = (".venv/bin/pytest", *pytest_arguments)
    check = (*MANAGE, "check", "--database", "default", "--fail-level", "WARNING")
    every = [
        *tests_on_sqlite(pytest, sqlite, pytest_arguments, folder),
        Step("types", (".venv/bin/mypy",), sqlite),
        Step("lint", (".venv/bin/ruff", "check"), sqlite),
        Step("format", (".venv/bin/ruff", "format", "--check"), sqlite),
        Step("imports", (".venv/bin/lint-imports",), sqlite),
        Step("migrations", (*MANAGE, "makemigrations", "--check", "--dry-run"), sqlite),
        Step("checks on SQLite", check, sqlite),
        *(() if pytest_arguments else outsiders(sqlite)),
        Step("OpenAPI", ("bash", "-c", openapi_script(folder / "openapi.yaml")), sqlite),
    ]
    if mariadb is None:
        return every
    second = Step(
        "tests on MariaDB",
        (*pytest, "--database-tests-only"),
        mariadb,
        always_show=True,
        # It may be that none of the tests asked for needs a second run.
        accepted=frozenset({0, NO_TESTS_COLLECTED} if pytest_arguments else {0}),
    )
    deploy = (*MANAGE, "check", "--deploy", "--fail-level", "WARNING")
    return [
        every[0],
        second,
        *every[1:],
        Step("checks on MariaDB", check, mariadb),
        Step("checks of a deployment", deploy, production_profile(mariadb)),
    ]


def outsiders(sqlite: Mapping[str, str]) -> list[Step]:
    """What others wrote tries what is ours, in environments of their own."""
    return [
        Step("API fuzz", ("bin/fuzz",), sqlite),
        Step("outsiders on the fake Stripe", ("bin/outsiders",), sqlite),
    ]


def tests_on_sqlite(
    pytest: Sequence[str],
    sqlite: Mapping[str, str],
    pytest_arguments: Sequence[str],
    folder: Path,
) -> list[Step]:
    """All of them in two steps, so that two processors have equal shares: what runs on MariaDB too,
    and what needs no second run.
    """
    if pytest_arguments:
        return [Step("tests on SQLite", pytest, sqlite, always_show=True)]
    folder = Path(tempfile.mkdtemp(prefix="pages-", dir=folder))
    pages = dict(sqlite) | {"DATABASE_URL": f"sqlite:///{folder / 'neruba.sqlite3'}"}
    return [
        Step("tests on SQLite", (*pytest, "-m", "not once"), sqlite, always_show=True),
        # With a database, and what lies beside it, of its own.
        Step("pages on SQLite", (*pytest, "-m", "once"), pages, always_show=True),
    ]


def production_profile(mariadb: Mapping[str, str]) -> dict[str, str]:
    """As an installation sets it: its own secret key, https by default."""
    kept = {name: value for name, value in mariadb.items() if name != "NERUBA_HTTPS"}
    return kept | {"NERUBA_SECRET_KEY": secrets.token_urlsafe(50)}


def openapi_script(fresh: Path) -> str:
    write = f"{' '.join(MANAGE)} spectacular --validate --fail-on-warn --file"
    return (
        f"{write} {fresh} && diff -u {OPENAPI} {fresh} || "
        f"{{ echo 'If the change is meant: {write} {OPENAPI}'; exit 1; }}"
    )


class Runner:
    """Runs steps side by side and leaves none behind, however it ends."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._stopped = False

    def run(self, chosen: Sequence[Step]) -> list[Outcome]:
        """Run all of them; return the outcomes in the order of the steps."""
        LOGS.mkdir(parents=True, exist_ok=True)
        print(
            f"{len(chosen)} steps, {AT_ONCE} at a time; output while they run: {LOGS}/", flush=True
        )
        pool = ThreadPoolExecutor(AT_ONCE)
        try:
            return list(pool.map(self._run, chosen))
        finally:
            self._stop()
            pool.shutdown(cancel_futures=True)

    def _run(self, step: Step) -> Outcome:
        started = time.monotonic()
        log = LOGS / f"{step.name.replace(' ', '-')}.log"
        with log.open("wb") as output:
            status = self._wait_for(step, output.fileno())
        outcome = Outcome(step.name, status in step.accepted, time.monotonic() - started)
        with self._lock:
            if not self._stopped:
                print(f"\n=== {line(outcome)}", flush=True)
                if step.always_show or not outcome.passed:
                    print(log.read_text(errors="replace"), flush=True)
        return outcome

    def _wait_for(self, step: Step, output: int) -> int:
        with self._lock:
            if self._stopped:
                return -1
            process = subprocess.Popen(
                step.command,
                env=step.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # so that its children can be stopped with it
            )
            self._running.add(process)
        status = process.wait()
        with self._lock:
            self._running.discard(process)
        return status

    def _stop(self) -> None:
        """Interrupt what runs, so that tests can tear down; end at once what does not listen."""
        with self._lock:
            self._stopped = True
            running = list(self._running)
        for process in running:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGINT)
        deadline = time.monotonic() + STOP_LIMIT_S
        for process in running:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0, deadline - time.monotonic()))
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def line(outcome: Outcome) -> str:
    return f"{'passed' if outcome.passed else 'FAILED'} {outcome.seconds:7.1f} s  {outcome.name}"


def print_summary(outcomes: Sequence[Outcome], seconds: float) -> None:
    print("\n=== Summary")
    for outcome in outcomes:
        print(line(outcome))
    failed = sum(not outcome.passed for outcome in outcomes)
    print(f"{len(outcomes) - failed} of {len(outcomes)} steps passed in {seconds:.1f} s")


if __name__ == "__main__":
    sys.exit(main())
