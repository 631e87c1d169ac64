"""How fast a month is billed, as a share of what the database takes at all.

Customers with one subscription each, one fixed price in advance and two of usage, are billed for a
month by worker processes: with all windows to be rebuilt, then the same month again with windows
that are up to date. Beside it the floor, in the same run on the same data: one GROUP BY over the
raw events, and plain multi-row INSERTs of exactly the rows that the run wrote, from as many
processes. Prints each ratio with the bar of the project.
"""

import argparse
import multiprocessing
import os
import resource
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import django

from bench.server import mariadb
from bench.stored import connect

START_LIMIT_S = 60
ROWS_A_STATEMENT = 1000
# What a run writes, in an order that references allow; the rows are copied from there.
BILLED = (
    *("billing_invoice", "billing_period", "ledger_account", "ledger_journalentry"),
    *("ledger_transfer", "billing_invoiceline", "billing_invoiceparty", "billing_runitem"),
)
WINDOWS = ("ingest_windowseries", "ingest_usagewindow")
SPAWN = multiprocessing.get_context("spawn")


@dataclass(frozen=True, slots=True)
class Measured:
    """A run: seconds from the first to the last, seconds of processor of all workers, the highest
    memory of one, the outcome.
    """

    seconds: float
    cpu: float
    peak_mb: float
    invoices: int
    fingerprint: str


def main() -> None:
    parser = argparse.ArgumentParser(prog="bin/bench run", description=__doc__)
    parser.add_argument("--subscriptions", type=int, default=20_000)
    parser.add_argument("--events", type=int, default=5_000_000)
    parser.add_argument("--few", type=int, default=1_000, help="subscriptions of the small project")
    parser.add_argument("--rounds", type=int, default=1, help="of the large project; medians")
    parser.add_argument("--few-rounds", type=int, default=3, help="of the small project; medians")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--pool-mb", type=int, default=6144, help="buffer pool; holds the data")
    given = parser.parse_args()
    with mariadb(pool_mb=given.pool_mb) as url:
        django.setup()
        from bench import billing_world as worlds  # noqa: PLC0415 - needs the settings above

        share = given.few / given.subscriptions
        bench = Bench(url, given.workers)
        few = bench.say(
            "few: made",
            lambda: worlds.new_world("few", customers=given.few, events=int(given.events * share)),
        )
        small = bench.measure(few, rounds=given.few_rounds)
        many = bench.say(
            "many: made",
            lambda: worlds.new_world("many", customers=given.subscriptions, events=given.events),
        )
        large = bench.measure(many, rounds=given.rounds)
        small.report()
        large.report()
        report_growth(small, large)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The medians of all rounds of one project, in seconds."""

    subscriptions: int
    events: int
    group_by: float
    inserts_dirty: float
    inserts_clean: float
    inserts_clean_alone: float
    inserts_dirty_alone: float
    dirty: float
    dirty_cpu: float
    clean: float
    clean_cpu: float
    again: float
    peak_mb: float

    def report(self) -> None:
        print(f"\n{self.subscriptions:,} subscriptions, {self.events:,} events")
        print(f"  GROUP BY over raw events          {self.group_by:8.2f} s")
        print(
            f"  INSERTs of the run's rows, dirty  {self.inserts_dirty:8.2f} s"
            f"  (one process {self.inserts_dirty_alone:.2f} s)"
        )
        print(
            f"  INSERTs of the run's rows, clean  {self.inserts_clean:8.2f} s"
            f"  (one process {self.inserts_clean_alone:.2f} s)"
        )
        workers = "of processor by the workers"
        print(
            f"  run, all windows dirty            {self.dirty:8.2f} s"
            f"  ({self.dirty_cpu:.2f} s {workers})"
        )
        print(
            f"  run, windows clean                {self.clean:8.2f} s"
            f"  ({self.clean_cpu:.2f} s {workers})"
        )
        print(f"  second run right after            {self.again:8.2f} s")
        floor = self.group_by + self.inserts_dirty
        print(f"dirty: {self.dirty / floor:.2f} times the floor (bar: 3)")
        print(f"clean: {self.clean / self.inserts_clean:.2f} times the INSERTs (bar: 3)")
        print(f"second run: {self.again / self.clean:.1%} of the first (bar: 5%)")
        print(f"highest memory of a worker: {self.peak_mb:.0f} MB (bar: 300)")


def report_growth(small: Outcome, large: Outcome) -> None:
    for name in ("clean", "dirty"):
        few = getattr(small, name) / small.subscriptions
        many = getattr(large, name) / large.subscriptions
        print(
            f"an invoice, {name}: {few * 1000:.2f} ms of {small.subscriptions:,}, "
            f"{many * 1000:.2f} ms of {large.subscriptions:,}: {many / few - 1:+.0%} (bar: +15%)"
        )


class Bench:
    """Measures on one database with so many worker processes."""

    def __init__(self, url: str, workers: int) -> None:
        self._url = url
        self._workers = workers
        self._database = connect(url)

    def say(self, what: str, work: Any) -> Any:
        started = time.perf_counter()
        done = work()
        print(f"{time.perf_counter() - started:8.1f} s {what}", flush=True)
        return done

    def measure(self, world: Any, *, rounds: int) -> Outcome:
        from bench import billing_world as worlds  # noqa: PLC0415

        project, slug = world.project, world.project.slug
        # The month before: from then on accounts and series are there, as usual.
        first = self.say(
            f"{slug}: the month before", lambda: self.run(slug, worlds.START + timedelta(hours=2))
        )
        assert first.invoices == 2 * world.customers, first
        self.say(f"{slug}: events loaded", lambda: worlds.load_events(world, self._url))
        found: dict[str, list[float]] = {}
        peak = 0.0

        def note(name: str, seconds: float) -> None:
            found.setdefault(name, []).append(seconds)
            print(f"{seconds:8.2f} s {slug}: {name}", flush=True)

        at = worlds.END + timedelta(hours=2)
        for number in range(rounds):
            before = self.highest()
            worlds.mark_dirty(world)
            dirty = self.run(slug, at)
            note("dirty", dirty.seconds)
            note("dirty_cpu", dirty.cpu)
            note("group_by", self.group_by(project.pk))
            note("inserts_dirty", self.inserts(before, self._workers, windows=True))
            if number == 0:
                note("inserts_dirty_alone", self.inserts(before, 1, windows=True))
            self.reset(project.pk, before, worlds.END)
            clean = self.run(slug, at)
            note("clean", clean.seconds)
            note("clean_cpu", clean.cpu)
            assert clean.fingerprint == dirty.fingerprint
            assert clean.invoices == dirty.invoices == world.customers
            note("again", self.run(slug, at).seconds)
            note("inserts_clean", self.inserts(before, self._workers, windows=False))
            if number == 0:
                note("inserts_clean_alone", self.inserts(before, 1, windows=False))
            peak = max(peak, dirty.peak_mb, clean.peak_mb)
            if number + 1 < rounds:
                self.reset(project.pk, before, worlds.END, windows=True)
        medians = {name: statistics.median(several) for name, several in found.items()}
        return Outcome(world.customers, world.events, peak_mb=peak, **medians)

    def run(self, slug: str, at: Any) -> Measured:
        """Bill what is due by `at` by one run, its workers at once."""
        from billing.models import BillingRun  # noqa: PLC0415
        from billing.services.runs import create_run  # noqa: PLC0415
        from neruba.actor import SYSTEM  # noqa: PLC0415
        from neruba.models import Project  # noqa: PLC0415

        run = create_run(
            project=Project.objects.get(slug=slug),
            as_of=at,
            customers=None,
            dry_run=False,
            trigger=BillingRun.Trigger.COMMAND,
            actor=SYSTEM,
            at=at,
        )
        barrier, answers = SPAWN.Barrier(self._workers + 1), SPAWN.Queue()
        workers = [
            SPAWN.Process(target=bill, args=(run.pk, at, n, barrier, answers))
            for n in range(self._workers)
        ]
        seconds = timed(workers, barrier)
        found = [answers.get() for _ in workers]
        run.refresh_from_db()
        return Measured(
            seconds,
            cpu=sum(cpu for cpu, _ in found),
            peak_mb=max(peak for _, peak in found),
            invoices=run.finalized,
            fingerprint=run.fingerprint,
        )

    def group_by(self, project: int) -> float:
        """Seconds of the totals of all customers, from raw events as they are stored."""
        started = time.perf_counter()
        self.execute(
            "SELECT subject_id, COUNT(*), "
            "SUM(CAST(JSON_VALUE(data, '$.input_tokens') AS DECIMAL(38, 9))), "
            "SUM(CAST(JSON_VALUE(data, '$.output_tokens') AS DECIMAL(38, 9))) "
            "FROM ingest_usageevent WHERE project_id = %s GROUP BY subject_id",
            [project],
        )
        return time.perf_counter() - started

    def inserts(self, before: dict[str, int], processes: int, *, windows: bool) -> float:
        """Seconds of plain INSERTs of the rows that came since `before`, into empty copies."""
        tables = (*WINDOWS, *BILLED) if windows else BILLED
        for table in tables:
            self.execute(f"CREATE TABLE bench_{table} LIKE {table}")
        since = {table: before[table] for table in tables}
        barrier = SPAWN.Barrier(processes + 1)
        writers = [
            SPAWN.Process(target=insert, args=(self._url, since, n, processes, barrier))
            for n in range(processes)
        ]
        seconds = timed(writers, barrier)
        for table in tables:
            self.execute(f"DROP TABLE bench_{table}")
        return seconds

    def highest(self) -> dict[str, int]:
        answer = {}
        for table in (*WINDOWS, *BILLED):
            ((highest,),) = self.execute(f"SELECT COALESCE(MAX(id), 0) FROM {table}")  # noqa: S608
            answer[table] = highest
        return answer

    def reset(
        self, project: int, before: dict[str, int], end: Any, *, windows: bool = False
    ) -> None:
        """Take back the month's billing, so that it can be done again."""
        self.execute("SET foreign_key_checks = 0")
        self.execute("INSERT INTO neruba_purge (id) VALUES (1)")
        for table in (*BILLED, *(WINDOWS if windows else ())):
            self.execute(f"DELETE FROM {table} WHERE id > %s", [before[table]])  # noqa: S608
        self.execute("DELETE FROM neruba_purge")
        self.execute(
            "UPDATE billing_subscription SET next_boundary = 2, due_at = %s WHERE project_id = %s",
            [end.replace(tzinfo=None), project],
        )
        self.execute(
            "UPDATE billing_numberseries SET last = (SELECT COALESCE(MAX(sequence), 0) FROM "
            "billing_invoice WHERE project_id = %s) WHERE project_id = %s",
            [project, project],
        )
        self.execute("SET foreign_key_checks = 1")
        self._database.commit()

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> Sequence[Any]:
        cursor = self._database.cursor()
        cursor.execute(statement, parameters or None)
        rows = cursor.fetchall()
        self._database.commit()
        return list(rows)


def timed(processes: Sequence[Any], barrier: Any) -> float:
    """Seconds from when all have been made ready until all have ended."""
    for process in processes:
        process.start()
    barrier.wait(timeout=START_LIMIT_S)
    started = time.perf_counter()
    for process in processes:
        process.join()
    seconds = time.perf_counter() - started
    if any(process.exitcode for process in processes):
        raise RuntimeError("a process failed")
    return seconds


def bill(run_id: int, at: Any, number: int, barrier: Any, answers: Any) -> None:
    """One worker: it takes chunks of the run for as long as there are any."""
    django.setup()
    from billing.execution import execute_run  # noqa: PLC0415
    from billing.models import BillingRun  # noqa: PLC0415

    run = BillingRun.objects.select_related("project").get(pk=run_id)
    profile, before = os.environ.get("BENCH_PROFILE"), time.process_time()
    barrier.wait(timeout=START_LIMIT_S)
    if profile and number == 0:
        import cProfile  # noqa: PLC0415

        profiler = cProfile.Profile()
        profiler.runcall(execute_run, run, at=at)
        profiler.dump_stats(f"{profile}-{run.project.slug}-{run.pk}")
    else:
        execute_run(run, at=at)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    answers.put((time.process_time() - before, peak))


def insert(url: str, since: dict[str, int], number: int, of: int, barrier: Any) -> None:
    """One writer: every `of`-th batch of each table's new rows, in plain multi-row INSERTs."""
    database = connect(url)
    cursor = database.cursor()
    statements = []
    for table, highest in since.items():
        cursor.execute(f"SELECT * FROM {table} WHERE id > %s ORDER BY id", [highest])  # noqa: S608
        rows = cursor.fetchall()
        names = ", ".join(f"`{column[0]}`" for column in cursor.description)
        mark = f"({', '.join(['%s'] * len(cursor.description))})"
        parts = range(0, len(rows), ROWS_A_STATEMENT)
        for first in list(parts)[number::of]:
            part = rows[first : first + ROWS_A_STATEMENT]
            statements.append(
                (
                    f"INSERT INTO bench_{table} ({names}) VALUES "  # noqa: S608
                    + ", ".join([mark] * len(part)),
                    [value for row in part for value in row],
                )
            )
    cursor.execute("SET foreign_key_checks = 1")
    barrier.wait(timeout=10 * START_LIMIT_S)
    for statement, values in statements:
        cursor.execute(statement, values)
        database.commit()


if __name__ == "__main__":
    main()
