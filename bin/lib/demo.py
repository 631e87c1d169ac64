"""The demo: a seeded database, a server on it, and where to look; `--check` visits all it claims.

What there is to see is said by `manage.py seed_demo`, as JSON: base_url, logins (role, username,
password), api_key, pages (title, url, why, contains: words that must be on the page).
"""

import argparse
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import textwrap
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bin.lib.claims import METRICS, OK, READY, Browser, check_claims
from bin.lib.demo_payment import offered, payment_claims
from bin.lib.fake_stripe.running import KEY, SECRET, running_fake_stripe
from bin.lib.product import first_to_end, running
from bin.lib.services import free_port

KEPT = Path("var/demo").absolute()
START_LIMIT_S = 30


class DemoError(Exception):
    """A step of the demo failed; says which, and what the program printed."""


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="bin/demo", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--fresh", action="store_true", help="throw away the data in var/demo")
    parser.add_argument("--check", action="store_true", help="check on a free port, then stop")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        if arguments.check:
            return check()
        show(arguments.port, fresh=arguments.fresh)
    except DemoError as error:
        print(f"bin/demo: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nStopped.")
    return 0


def show(port: int, *, fresh: bool) -> None:
    """Serve the demo until Ctrl-C."""
    refuse_taken(port)
    if fresh:
        shutil.rmtree(KEPT, ignore_errors=True)
    demo = prepare(KEPT, f"http://127.0.0.1:{port}")
    with serving(KEPT, port) as processes:
        print_guide(demo)
        print_payment(demo)
        name = first_to_end(processes)
    raise DemoError(f"the {name} ended; see {KEPT / 'server.log'}")


def refuse_taken(port: int) -> None:
    """Raise DemoError if another program listens there, which would be taken for ours."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            raise DemoError(f"port {port} is in use; try bin/demo --port {port + 1}") from error


def check() -> int:
    """Do all that `show` does on throwaway data, and visit every page it would print."""
    folder, port = Path(tempfile.mkdtemp(prefix="neruba-demo-")), free_port()
    try:
        demo = prepare(folder, f"http://127.0.0.1:{port}")
        with serving(folder, port):
            return check_claims(demo, payment_claims)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def prepare(folder: Path, base_url: str) -> dict[str, Any]:
    """Migrate the database in `folder`, seed it once; return what `seed_demo` said."""
    said = folder / "demo.json"
    if not said.exists():  # never seeded, or not to the end
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
    manage(folder, "Preparing the database", "migrate", "--verbosity", "0")
    if not said.exists():
        stripe = ("--stripe-key", KEY, "--stripe-secret", SECRET)
        said.write_text(manage(folder, "Seeding", "seed_demo", "--base-url", base_url, *stripe))
    text = said.read_text()
    demo: dict[str, Any] = json.loads(text)
    if demo["base_url"] != base_url:
        demo = json.loads(text.replace(demo["base_url"], base_url))
    return demo


def environment(folder: Path) -> dict[str, str]:
    """The embedded profile on the database in `folder`, whatever is set in the terminal."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("DATABASE_", "NERUBA_", "REDIS_"))
    }
    return kept | {"DATABASE_URL": f"sqlite:///{folder / 'neruba.sqlite3'}"}


def manage(folder: Path, title: str, *command: str) -> str:
    """Run a management command and return what it printed; progress bars go to the terminal."""
    started = time.monotonic()
    done = subprocess.run(
        [sys.executable, "manage.py", *command],
        env=environment(folder),
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise DemoError(f"{' '.join(command)} failed.\n{done.stdout}")
    print(f"{title}: {time.monotonic() - started:.1f} s", file=sys.stderr)
    return done.stdout


@contextmanager
def serving(folder: Path, port: int) -> Iterator[dict[str, subprocess.Popen[bytes]]]:
    """Web, worker, schedule and a fake Stripe on the database in `folder`, once the web answers.

    The fake forgets all when it ends, so its ids are others each time.
    """
    log, webhook = folder / "server.log", f"http://127.0.0.1:{port}/webhooks/stripe/demo"
    with (
        log.open("wb") as output,
        running_fake_stripe(webhook=webhook, seed=secrets.token_hex(8)) as fake,
        running(
            port, environment(folder) | {"NERUBA_STRIPE_API_BASE": fake.url}, output
        ) as processes,
    ):
        deadline = time.monotonic() + START_LIMIT_S
        while not answers(f"http://127.0.0.1:{port}/admin/login/"):
            ended = any(process.poll() is not None for process in processes.values())
            if ended or time.monotonic() > deadline:
                raise DemoError(f"the server did not start.\n{log.read_text()[-3000:]}")
            time.sleep(0.1)
        yield processes


def answers(url: str) -> bool:
    try:
        return Browser().fetch(url)[0] == OK
    except OSError:
        return False


def print_guide(demo: dict[str, Any]) -> None:
    """What a newcomer needs: where to go, how to get in, what to see first, how to end it."""
    base, key = demo["base_url"], demo["api_key"]
    print(f"\nNeruba is running.\n\n  Console  {base}/admin/\n  API      {base}/api/v1/")
    print(f"  Health   {base}{READY}\n  Metrics  {base}{METRICS}")
    for login in demo["logins"]:
        print(f"\n{login['role']}\n  e-mail    {login['username']}")
        print(f"  password  {login['password']}")
    print(f"\nAPI key (scope admin)\n  {key}\n\nLook at these first")
    for number, page in enumerate(demo["pages"], 1):
        print(f"\n  {number}. {page['title']}\n     {page['url']}")
        if page.get("why"):
            print(textwrap.fill(page["why"], 96, initial_indent=" " * 5, subsequent_indent=" " * 5))
    print(f"""
With the key, in another terminal
  curl -H "Authorization: Bearer {key}" {base}/api/v1/invoices

Ctrl-C stops it. The data stay in var/demo, and bin/demo shows them again; bin/demo --fresh makes
new ones. README.md goes on from here, with the first requests to a project of your own.""")
    sys.stdout.flush()


def print_payment(demo: dict[str, Any]) -> None:
    """Where an open invoice can be paid, and what to see then."""
    page = offered(demo)
    if page is None:
        return
    base = demo["base_url"]
    print(f"""
Pay invoice {page.number} of {page.amount} on a fake Stripe: any card number of Stripe's test cards
  {page.url}
  4242 4242 4242 4242 pays; then look at {base}/admin/billing/invoice/?q={page.number}
  and {base}/admin/payments/providereventwork/""")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
