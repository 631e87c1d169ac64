"""The rehearsal of a restore: dump, restore beside, look, compare with the source, report."""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

os.environ["DJANGO_SETTINGS_MODULE"] = "bin.lib.rehearsal_settings"

from django.conf import settings
from django.db import connection

from bin.lib.copies import CopyError, copy_url, create, dump, remove, restore, where
from bin.lib.copy_checks import Check, counts, stored_documents
from neruba.errors import RetryableError
from neruba.migration_lock import migration_lock
from neruba.models import Project

MEGABYTE = 1_000_000
LOCK_WAIT_S = 300


def main() -> int:
    parser = argparse.ArgumentParser(prog="bin/rehearse", description=__doc__)
    parser.add_argument("--into", default="", help="a new database, or the URL of one")
    parser.add_argument("--from", dest="given", type=Path, help="a dump to restore")
    parser.add_argument("--folder", type=Path, help="where the dump is put")
    parser.add_argument("--keep", action="store_true", help="leave copy and dump")
    arguments = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    source = os.environ.get("DATABASE_URL") or f"sqlite:///{settings.DATABASES['default']['NAME']}"
    folder = Path(tempfile.mkdtemp(prefix="neruba-rehearsal-", dir=arguments.folder))
    try:
        passed = rehearse(source, folder, arguments)
    except (CopyError, RetryableError) as error:
        print(f"bin/rehearse: {error}", file=sys.stderr)
        return 1
    finally:
        if not arguments.keep:
            shutil.rmtree(folder)
    return 0 if passed else 1


def rehearse(source: str, folder: Path, arguments: argparse.Namespace) -> bool:
    """Do all of it and print the report; return whether every check passed."""
    url = copy_url(source, arguments.into)
    print(f"Rehearsal: {where(source)}, restored as {where(url)}", flush=True)
    create(url, folder)
    try:
        before, file = (
            ({}, arguments.given) if arguments.given else dumped(source, folder / "neruba.dump")
        )
        started = time.monotonic()
        restore(file, url, folder)
        print(f"        restored {size_of(file)} in {since(started)}", flush=True)
        found = look_at(url)
    finally:
        if not arguments.keep:
            remove(url, folder)
    checks = [Check(**check) for check in found["checks"]]
    checks += compare_counts(before, found["counts"], counts())
    checks += [compare_documents(documents) for documents in found["documents"]]
    for check in checks:
        print(line(check))
    failed = sum(not check.passed for check in checks)
    print(f"{'FAILED' if failed else 'OK':7} {len(checks) - failed} of {len(checks)} checks passed")
    if arguments.keep:
        print(f"Kept: {where(url)}, {file}")
    return failed == 0


def dumped(source: str, file: Path) -> tuple[dict[str, int], Path]:
    """Dump the source; return how many rows it had before. No host changes the schema meanwhile,
    which would tear the snapshot.
    """
    with migration_lock(connection, wait_s=LOCK_WAIT_S, tell=print):
        before, started = counts(), time.monotonic()
        dump(source, file)
    print(f"        dumped {size_of(file)} in {since(started)}", flush=True)
    return before, file


def since(started: float) -> str:
    return f"{time.monotonic() - started:.1f} s"


def size_of(file: Path) -> str:
    return f"{file.stat().st_size / MEGABYTE:.1f} MB"


def line(check: Check) -> str:
    return (
        f"{'OK' if check.passed else 'FAILED':7} {check.name}: {check.detail}"
        f"{f' ({check.seconds:.1f} s)' if check.seconds else ''}"
    )


def look_at(url: str) -> dict[str, Any]:
    """What `bin.lib.copy_checks` finds on the copy."""
    done = subprocess.run(
        [sys.executable, "-m", "bin.lib.copy_checks"],
        env=os.environ | {"DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise CopyError(f"The copy could not be looked at.\n{done.stderr[-3000:]}")
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def compare_counts(
    before: Mapping[str, int], copied: Mapping[str, int], after: Mapping[str, int]
) -> Iterator[Check]:
    """A copy holds at least what was there before the dump, and at most what is there now."""
    for label, count in copied.items():
        low, high = before.get(label, 0), after[label]
        span = str(low) if low == high else f"{low} to {high}"
        yield Check(f"rows of {label}", low <= count <= high, f"{count}; the source had {span}")


def compare_documents(copied: Mapping[str, Any]) -> Check:
    """The source's documents up to the copy's last number have the copy's fingerprint."""
    project = Project.objects.get(slug=copied["project"])
    as_of = datetime.fromisoformat(copied["as_of"])
    ours = stored_documents(project, as_of, copied["last_number"])
    return Check(
        f"{ours.project}: fingerprint",
        ours.fingerprint == copied["fingerprint"],
        f"{ours.count} documents in the source {ours.fingerprint[:12]}…, {copied['count']} in the "
        f"copy {copied['fingerprint'][:12]}…",
    )


if __name__ == "__main__":
    sys.exit(main())
