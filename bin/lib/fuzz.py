"""The API fuzzed by its own contract, with a service's key and with an operator's token."""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bin.lib import services

LOCK = Path("requirements-fuzz.txt")
VENV = Path("build/fuzz")
INSTALLED = VENV / LOCK.name
MANAGE = (sys.executable, "manage.py")
START_LIMIT_S = 60
CHECKS = (
    *("not_a_server_error", "status_code_conformance", "content_type_conformance"),
    *("response_schema_conformance", "response_headers_conformance"),
)
# Where an operator's token opens what a service's key does not.
OF_OPERATORS = r"^/api/v1/(projects|auth|audit)"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, in how many percent of the time, and for which addresses alone."""

    who: str
    headers: Mapping[str, str]
    percent: int
    only: str = ""


def main() -> int:
    parser = argparse.ArgumentParser(prog="bin/fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=3000, help="at least so many requests")
    parser.add_argument("--seconds", type=int, default=150, help="the bound of both passes")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    install()
    folder = Path(tempfile.mkdtemp(prefix="neruba-fuzz-"))
    try:
        with served(folder) as (url, callers):
            return fuzz(url, callers, folder, given)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def install() -> None:
    """Makes the fuzzer's environment from its lock, where that is not done."""
    if INSTALLED.exists() and INSTALLED.read_bytes() == LOCK.read_bytes():
        return
    print(f"Installing {LOCK} into {VENV}", file=sys.stderr, flush=True)
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=True)
    pip = [str(VENV / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    subprocess.run(
        [*pip, "--disable-pip-version-check", "--require-hashes", "-r", str(LOCK)], check=True
    )
    shutil.copyfile(LOCK, INSTALLED)


@contextmanager
def served(folder: Path) -> Iterator[tuple[str, list[Caller]]]:
    """A server on a database of its own with the demo's data, and who may call it."""
    port = services.free_port()
    url = f"http://127.0.0.1:{port}"
    environment = {
        **os.environ,
        "DATABASE_URL": f"sqlite:///{folder / 'fuzz.sqlite3'}",
        "NERUBA_SECRET_KEY": services.SECRET_KEY,
        "NERUBA_API_DOCS": "open",
        "NERUBA_RATE_LIMIT": "0",
        "NERUBA_RATE_LIMIT_ANONYMOUS": "0",
    }
    environment.pop("REDIS_URL", None)
    run(environment, "migrate", "--verbosity", "0")
    demo = json.loads(run(environment, "seed_demo"))
    log = Path("build/test/fuzz-server.log")
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as output:
        server = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", "neruba.wsgi", "--no-control-socket"),
                *("--bind", f"127.0.0.1:{port}", "--worker-class", "gthread"),
                *("--workers", "2", "--threads", "4"),
                # An address of more than 4 KiB is refused before it reaches the API, with a page.
                *("--limit-request-line", "0"),
            ],
            env=environment,
            stdout=output,
            stderr=output,
        )
        try:
            wait_for(url, server)
            login = demo["logins"][0]
            token = operator_token(url, login["username"], login["password"])
            as_operator = {**bearer(token), "Neruba-Project": "demo"}
            yield (
                url,
                [
                    Caller("an operator", as_operator, 25, OF_OPERATORS),
                    Caller("a service with the scope admin", bearer(demo["api_key"]), 75),
                ],
            )
        finally:
            server.terminate()
            server.wait(30)


def run(environment: Mapping[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [*MANAGE, *arguments], env=dict(environment), check=True, stdout=subprocess.PIPE, text=True
    )
    return done.stdout


def wait_for(url: str, server: subprocess.Popen[bytes]) -> None:
    stop_at = time.monotonic() + START_LIMIT_S
    while time.monotonic() < stop_at:
        if server.poll() is not None:
            raise SystemExit("bin/fuzz: the server ended; see build/test/fuzz-server.log")
        try:
            urllib.request.urlopen(f"{url}/health/live", timeout=5).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise SystemExit("bin/fuzz: the server does not answer; see build/test/fuzz-server.log")


def operator_token(url: str, email: str, password: str) -> str:
    request = urllib.request.Request(
        f"{url}/api/v1/auth/token",
        data=json.dumps({"email": email, "password": password}).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=30) as answer:
        return str(json.load(answer)["token"])


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def fuzz(url: str, callers: list[Caller], folder: Path, given: argparse.Namespace) -> int:
    """Each caller in turn, by its share of the time; 1 where a check failed, or where there were
    fewer requests than asked for.
    """
    sent, failed = 0, False
    for number, caller in enumerate(callers):
        report = folder / f"{number}.ndjson"
        seconds = max(20, given.seconds * caller.percent // 100)
        failed |= attack(url, caller, seconds=seconds, seed=given.seed, report=report)
        count = cases_in(report)
        print(f"bin/fuzz: {count:,} requests as {caller.who}", flush=True)
        sent += count
    print(f"bin/fuzz: {sent:,} requests, {'FAILED' if failed else 'no failure'}", flush=True)
    if sent < given.cases:
        print(f"bin/fuzz: fewer than {given.cases:,} in the time.", file=sys.stderr)
    return 1 if failed or sent < given.cases else 0


def attack(url: str, caller: Caller, *, seconds: int, seed: int, report: Path) -> bool:
    """One pass; whether it found a fault."""
    command = [
        *(str(VENV / "bin" / "schemathesis"), "run", f"{url}/api/schema/"),
        *("--checks", ",".join(CHECKS), "--phases", "examples,coverage,fuzzing"),
        *("--max-time", str(seconds), "--seed", str(seed)),
        # One: CPython before 3.11.9 cannot parse source in two threads at once (gh-106905), and the
        # fuzzer does.
        *("--workers", "1", "--request-timeout", "60", "--no-shrink", "--warnings", "off"),
        *("--report", "ndjson", "--report-ndjson-path", str(report)),
        "--continue-on-failure",
    ]
    if caller.only:
        command += ["--include-path-regex", caller.only]
    for name, value in caller.headers.items():
        command += ["--header", f"{name}:{value}"]
    print(f"bin/fuzz: as {caller.who}, for at most {seconds} s", flush=True)
    return subprocess.run(command, check=False).returncode != 0


def cases_in(report: Path) -> int:
    """How many requests the report holds."""
    if not report.exists():
        return 0
    with report.open() as lines:
        return sum(
            len(json.loads(line).get("ScenarioFinished", {}).get("recorder", {}).get("cases", {}))
            for line in lines
        )


if __name__ == "__main__":
    sys.exit(main())
