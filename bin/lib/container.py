"""What a container of the image runs, as its first process, so that signals reach it.

web | worker | beat    one of the product's processes
migrate [OPTION…]      bring the database up to date, and end (manage.py migrate_once)
manage COMMAND…        any command of manage.py
live                   whether the web of this container answers; for HEALTHCHECK
"""

import http.client
import os
import sys
import tempfile

from bin.lib.product import commands

PORT = int(os.environ.get("PORT", "8000"))
EVERY_ADDRESS = "0.0.0.0"  # noqa: S104 - a container's network is its own
LIVE = "/health/live"
LIVE_LIMIT_S = 5


def main(arguments: list[str]) -> int:
    name, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
    if name == "live" and not rest:
        return live()
    command = command_named(name, rest)
    if command is not None:
        # What this container's processes count is added up where they can write.
        os.environ.setdefault("PROMETHEUS_MULTIPROC_DIR", tempfile.mkdtemp(prefix="metrics-"))
        os.execv(command[0], command)  # noqa: S606 - no shell, and the image's own words
    print(__doc__, file=sys.stderr)
    return 2


def command_named(name: str, rest: list[str]) -> tuple[str, ...] | None:
    """The whole command, or None where there is none of this name."""
    manage = (sys.executable, "manage.py")
    if name == "migrate":
        return (*manage, "migrate_once", *rest)
    if name == "manage" and rest:
        return (*manage, *rest)
    product = commands(PORT, EVERY_ADDRESS)
    product["beat"] = product.pop("schedule")
    return None if rest else product.get(name)


def live() -> int:
    """Ask as the proxy would, by a name that is answered and as if over TLS."""
    host = os.environ.get("NERUBA_ALLOWED_HOSTS", "localhost").split(",")[0].strip(" .*")
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=LIVE_LIMIT_S)
    try:
        connection.request("GET", LIVE, headers={"Host": host, "X-Forwarded-Proto": "https"})
        return 0 if connection.getresponse().status == http.client.OK else 1
    except (OSError, http.client.HTTPException):
        return 1
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
