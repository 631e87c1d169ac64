"""Whether what is previewed is what is issued, in thousands of random stories of subscriptions.

Each is a plan, a policy, a zone and a sequence of changes, events and moves of the clock, as in the
laws of the suite (`tests/properties/change_stories.py`), played through the API: each preview of a
change or of invoices is compared with the invoice that is issued, each invoice is rebuilt in the
end. Prints how many stories were no counterexample, and of each kind of counterexample one.
"""

import argparse
import logging
import multiprocessing
import os
import shutil
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

import django
from hypothesis import HealthCheck, Phase, given, seed, settings

from bench.server import manage

SPAWN = multiprocessing.get_context("spawn")
DATABASE = "stories.sqlite3"


def main() -> None:
    parser = argparse.ArgumentParser(prog="bin/bench previews", description=__doc__)
    parser.add_argument("--sequences", type=int, default=5_000)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1, help="of the first worker")
    parser.add_argument("--shown", type=int, default=1, help="counterexamples of each kind")
    parser.add_argument(
        "--seconds", type=int, default=0, help="after which no story begins; 0: all"
    )
    asked = parser.parse_args()
    shared = Path("/dev/shm")  # noqa: S108 - many small commits, none of which must last
    folder = Path(tempfile.mkdtemp(prefix="previews-", dir=shared if shared.is_dir() else None))
    try:
        os.environ |= {
            "DATABASE_URL": f"sqlite:///{folder / DATABASE}",
            "NERUBA_SECRET_KEY": "of no use elsewhere",
            "NERUBA_RATE_LIMIT": "0",
            "NERUBA_ALLOWED_HOSTS": "*",
            "DJANGO_SETTINGS_MODULE": "neruba.settings",
        }
        manage("migrate", "-v0")
        started = time.perf_counter()
        found = _played(folder, asked)
        report(found, time.perf_counter() - started, asked.shown)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _played(folder: Path, asked: argparse.Namespace) -> list[Any]:
    """What each story came to: none, or the kind of its counterexample and its words."""
    answers: Any = SPAWN.Queue()
    each = asked.sequences // asked.workers
    workers = []
    for number in range(asked.workers):
        own = folder / f"{number}.sqlite3"
        shutil.copy(folder / DATABASE, own)
        first = asked.sequences - each * (asked.workers - 1) if number == 0 else each
        args = (own, asked.seed + number, first, asked.seconds, answers)
        workers.append(SPAWN.Process(target=play, args=args))
    for worker in workers:
        worker.start()
    found = [one for _ in workers for one in answers.get()]
    for worker in workers:
        worker.join()
    return found


def report(found: list[Any], seconds: float, shown: int) -> None:
    """The number of counterexamples, and some of each kind."""
    counterexamples = [one for one in found if one is not None]
    kinds = Counter(kind for kind, _ in counterexamples)
    for kind, times in kinds.most_common():
        print(f"\n=== {times} of: {kind}")
        words = sorted((words for one, words in counterexamples if one == kind), key=len)
        for one in words[:shown]:
            print(one)
    print(
        f"{len(found):,} sequences in {seconds:,.0f} s: "
        f"{len(counterexamples):,} counterexamples (bar: 0)"
    )


def play(database: Path, number: int, stories_asked: int, seconds: int, answers: Any) -> None:
    """One worker, with a database of its own."""
    os.environ["DATABASE_URL"] = f"sqlite:///{database}"
    django.setup()
    logging.disable(logging.CRITICAL)
    from tests.properties.change_stories import Story  # noqa: PLC0415
    from tests.properties.change_worlds import stories, worlds  # noqa: PLC0415

    found: list[Any] = []
    deadline = time.monotonic() + seconds

    @seed(number)
    @settings(
        max_examples=stories_asked,
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(worlds(), stories)
    def each(world: Any, steps: Any) -> None:
        if seconds and time.monotonic() > deadline:
            return
        story = None
        try:
            story = Story(world)
            story.play(steps)
            story.end()
        except Exception as error:
            found.append((kind_of(error), f"{world}\n{steps}\n{words_of(error)}"))
        else:
            found.append(None)

    each()
    answers.put(found)


def kind_of(error: Exception) -> str:
    """Where it was found, without what is particular to the story."""
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {place.name}, {Path(place.filename).name}:{place.lineno}"


def words_of(error: Exception) -> str:
    return "".join(traceback.format_exception_only(error)).strip()


if __name__ == "__main__":
    main()
