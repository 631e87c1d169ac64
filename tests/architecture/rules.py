"""Rules of the house that no linter knows. Each brings samples that it must pass and must find.

A rule takes a module (its path in the tree and its syntax) and yields the lines at fault.
"""

import ast
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

APPS = ("neruba", "ledger", "ingest", "billing", "payments", "support")
MAX_LINES = 400

VAGUE_NAMES = {"utils", "util", "helpers", "helper", "common", "managers", "misc"}
BELOW_THE_EDGE = {"aggregation", "locks", "models", "normalize", "rating", "selectors", "services"}
BELOW_THE_EDGE |= {"templates", "matching"}
CLOCK_READS = {
    *("clock.now", "clock.wall"),
    *("datetime.now", "datetime.today", "datetime.utcnow", "datetime.datetime.now"),
    *("date.today", "datetime.date.today", "timezone.now", "timezone.localdate", "time.time"),
}
ROW_SIGNALS = {"pre_save", "post_save", "pre_delete", "post_delete", "m2m_changed"}
CALENDAR_LOOKUPS = ("date", "year", "quarter", "month", "week", "week_day", "day", "hour")
WRITES = {
    *("create", "acreate", "bulk_create", "get_or_create", "update_or_create"),
    *("update", "bulk_update", "delete", "save"),
}


@dataclass(frozen=True, slots=True)
class Module:
    path: PurePosixPath
    source: str

    @property
    def app(self) -> str:
        """The app it belongs to, or an empty text for tests, bench and commands."""
        return self.path.parts[0] if self.path.parts[0] in APPS else ""

    def is_in(self, *names: str) -> bool:
        """Whether the module or a package that holds it has one of the names."""
        return not {*self.path.parts[:-1], self.path.stem}.isdisjoint(names)

    def nodes(self) -> Iterator[ast.AST]:
        return ast.walk(ast.parse(self.source))

    def calls(self) -> Iterator[tuple[ast.Call, str]]:
        """Every call with the dotted name of what is called."""
        for node in self.nodes():
            if isinstance(node, ast.Call):
                yield node, dotted(node.func)


@dataclass(frozen=True, slots=True)
class Rule:
    says: str
    find: Callable[[Module], Iterator[int]]
    passing: tuple[Module, ...]
    failing: tuple[Module, ...]


def sample(path: str, source: str) -> Module:
    return Module(PurePosixPath(path), source)


def dotted(node: ast.expr) -> str:
    """`a.b.c` of an attribute chain; calls and other expressions in it count as nothing."""
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    if isinstance(node, ast.Name):
        return node.id
    return dotted(node.func) if isinstance(node, ast.Call) else ""


def vague_name(module: Module) -> Iterator[int]:
    if module.is_in(*VAGUE_NAMES):
        yield 1


def long_file(module: Module) -> Iterator[int]:
    lines = module.source.count("\n")
    if lines > MAX_LINES and "migrations" not in module.path.parts:
        yield lines


def float_conversion(module: Module) -> Iterator[int]:
    if module.path.parts[0] in {"bench", "bin"} or module.path.parts[:2] == ("neruba", "ops"):
        return
    for call, name in module.calls():
        if name == "float" or name.rpartition(".")[2] == "FloatField":
            yield call.lineno


def clock_below_the_edge(module: Module) -> Iterator[int]:
    if module.app and module.is_in(*BELOW_THE_EDGE):
        for call, name in module.calls():
            if name in CLOCK_READS:
                yield call.lineno


def second_clock(module: Module) -> Iterator[int]:
    if not module.app or module.path == PurePosixPath("neruba/clock.py"):
        return
    # auto_now_add is let through: when a row was written is a fact of its own (`recorded_at`).
    for node in module.nodes():
        if isinstance(node, ast.Attribute) and dotted(node) in CLOCK_READS:
            if not dotted(node).startswith("clock."):
                yield node.lineno
        elif isinstance(node, ast.keyword) and node.arg == "auto_now":
            yield node.lineno


def broad_except(module: Module) -> Iterator[int]:
    if not module.app or module.path == PurePosixPath("neruba/edge.py"):
        return
    for node in module.nodes():
        if isinstance(node, ast.ExceptHandler):
            caught = node.type.elts if isinstance(node.type, ast.Tuple) else [node.type]
            if any(one is None or dotted(one) in {"Exception", "BaseException"} for one in caught):
                yield node.lineno


def logic_in_save(module: Module) -> Iterator[int]:
    names = {"save", "delete"} if module.is_in("models") else {"save"}  # views have delete()
    if module.app:
        for node in module.nodes():
            if isinstance(node, ast.ClassDef):
                for part in node.body:
                    if isinstance(part, ast.FunctionDef) and part.name in names:
                        yield part.lineno


def row_signal(module: Module) -> Iterator[int]:
    if module.app:
        for node in module.nodes():
            if isinstance(node, ast.ImportFrom | ast.Import):
                if any(alias.name.rpartition(".")[2] in ROW_SIGNALS for alias in node.names):
                    yield node.lineno
            elif isinstance(node, ast.Attribute) and dotted(node) in {
                f"signals.{name}" for name in ROW_SIGNALS
            }:
                yield node.lineno


def early_task(module: Module) -> Iterator[int]:
    if module.app and module.path != PurePosixPath("neruba/nudge.py"):
        for call, name in module.calls():
            if name.rpartition(".")[2] in {
                "delay",
                "apply_async",
                "delay_on_commit",
                "apply_async_on_commit",
            }:
                yield call.lineno


def stray_lock(module: Module) -> Iterator[int]:
    if module.app:
        for call, name in module.calls():
            if name.endswith(".select_for_update"):
                limits_tables = any(keyword.arg == "of" for keyword in call.keywords)
                if limits_tables or not module.is_in("locks"):
                    yield call.lineno


def ignored_conflict(module: Module) -> Iterator[int]:
    if module.app:
        for node in module.nodes():
            if isinstance(node, ast.keyword) and node.arg == "ignore_conflicts":
                yield node.lineno


def calendar_in_sql(module: Module) -> Iterator[int]:
    if not module.app:
        return
    endings = tuple(f"__{name}" for name in CALENDAR_LOOKUPS)
    for node in module.nodes():
        if isinstance(node, ast.ImportFrom) and node.module == "django.db.models.functions":
            if any(alias.name.startswith(("Trunc", "Extract")) for alias in node.names):
                yield node.lineno
        elif isinstance(node, ast.Call):
            for keyword in node.keywords:
                name = (keyword.arg or "").removesuffix("__gte").removesuffix("__lt")
                if name.endswith(endings):
                    yield node.lineno


def foreign_write(module: Module) -> Iterator[int]:
    """Finds `Model.objects….write()` where the model was imported from another app."""
    if not module.app:
        return
    foreign = {
        alias.asname or alias.name
        for node in module.nodes()
        if isinstance(node, ast.ImportFrom)
        and (node.module or "").split(".")[1:2] == ["models"]
        and (node.module or "").split(".")[0] in set(APPS) - {module.app}
        for alias in node.names
    }
    for call, name in module.calls():
        root, _, rest = name.partition(".")
        if root in foreign and rest.startswith("objects.") and rest.rpartition(".")[2] in WRITES:
            yield call.lineno


RULES = (
    Rule(
        says="a module is named after what it holds",
        find=vague_name,
        passing=(sample("billing/services/invoices.py", ""), sample("neruba/decimals.py", "")),
        failing=(
            sample("billing/utils.py", ""),
            sample("ledger/helpers/sums.py", ""),
            sample("tests/common.py", ""),
            sample("billing/managers.py", ""),
        ),
    ),
    Rule(
        says=f"a file has at most {MAX_LINES} lines",
        find=long_file,
        passing=(
            sample("billing/services/invoices.py", "x = 1\n" * MAX_LINES),
            sample("billing/migrations/0001_initial.py", "x = 1\n" * (MAX_LINES + 1)),
        ),
        failing=(sample("billing/services/invoices.py", "x = 1\n" * (MAX_LINES + 1)),),
    ),
    Rule(
        says="no floats but in benchmarks and operations",
        find=float_conversion,
        passing=(
            sample("billing/rating/flat.py", "Decimal('1.5')\nisinstance(x, float)\n"),
            sample("bench/ingest.py", "float(x)\n"),
            sample("neruba/ops/metrics.py", "float(x)\n"),
        ),
        failing=(
            sample("billing/rating/flat.py", "float(x)\n"),
            sample("billing/models/catalog.py", "price = models.FloatField()\n"),
            sample("tests/billing/test_invoices.py", "float('1.5')\n"),
        ),
    ),
    Rule(
        says="time is handed down as `at`, not read below the edge",
        find=clock_below_the_edge,
        passing=(
            sample("billing/api/views.py", "at = clock.now(project)\n"),
            sample("billing/services/invoices.py", "invoice.issued_at = at\n"),
            sample("tests/billing/services/test_invoices.py", "at = clock.wall()\n"),
        ),
        failing=(
            sample("billing/services/invoices.py", "at = clock.now(project)\n"),
            sample("billing/selectors/invoices.py", "clock.wall()\n"),
            sample("billing/rating/periods.py", "datetime.now(UTC)\n"),
            sample("ledger/templates.py", "date.today()\n"),
        ),
    ),
    Rule(
        says="time is read in neruba/clock.py alone",
        find=second_clock,
        passing=(
            sample("neruba/clock.py", "datetime.now(UTC)\n"),
            sample("billing/admin/invoice.py", "at = clock.now(project)\n"),
            sample("neruba/ops/timing.py", "time.monotonic()\n"),
            sample("neruba/models/audit.py", "recorded_at = DateTimeField(auto_now_add=True)\n"),
        ),
        failing=(
            sample("billing/api/views.py", "datetime.now(UTC)\n"),
            sample("billing/models/run.py", "DateTimeField(default=timezone.now)\n"),
            sample("billing/models/run.py", "DateTimeField(auto_now=True)\n"),
        ),
    ),
    Rule(
        says="everything is caught in neruba/edge.py alone",
        find=broad_except,
        passing=(
            sample("neruba/edge.py", "try:\n    x()\nexcept Exception:\n    pass\n"),
            sample("billing/api/views.py", "try:\n    x()\nexcept KeyError:\n    pass\n"),
        ),
        failing=(
            sample("billing/api/views.py", "try:\n    x()\nexcept Exception:\n    pass\n"),
            sample("billing/tasks.py", "try:\n    x()\nexcept (KeyError, Exception):\n    pass\n"),
            sample("billing/tasks.py", "try:\n    x()\nexcept:\n    pass\n"),
        ),
    ),
    Rule(
        says="rows are stored and removed by services, not by save() and delete()",
        find=logic_in_save,
        passing=(
            sample("billing/admin/plan.py", "class A:\n    def save_model(self): ...\n"),
            sample("billing/services/plans.py", "plan.save()\n"),
            sample("billing/api/plans.py", "class A:\n    def delete(self, request): ...\n"),
        ),
        failing=(
            sample("billing/models/catalog.py", "class A:\n    def save(self): ...\n"),
            sample("billing/models/catalog.py", "class A:\n    def delete(self): ...\n"),
            sample("billing/api/serializers.py", "class A:\n    def save(self): ...\n"),
        ),
    ),
    Rule(
        says="news travels by the outbox, not by signals of rows",
        find=row_signal,
        passing=(sample("neruba/apps.py", "from django.db.models.signals import post_migrate\n"),),
        failing=(
            sample("billing/apps.py", "from django.db.models.signals import post_save\n"),
            sample("billing/apps.py", "signals.pre_delete.connect(x)\n"),
        ),
    ),
    Rule(
        says="a task is sent by nudge(), when the transaction is committed",
        find=early_task,
        passing=(
            sample("billing/services/runs.py", "nudge(bill, 1)\n"),
            sample("neruba/nudge.py", "task.delay(1)\n"),
        ),
        failing=(
            sample("billing/services/runs.py", "bill.delay(1)\n"),
            sample("billing/services/runs.py", "bill.delay_on_commit(1)\n"),
            sample("billing/services/runs.py", "bill.apply_async((1,))\n"),
        ),
    ),
    Rule(
        says="rows are locked in locks.py, whole rows without `of`",
        find=stray_lock,
        passing=(
            sample("billing/locks.py", "list(rows.select_for_update().order_by('pk'))\n"),
            sample("billing/locks.py", "rows.select_for_update(skip_locked=True)\n"),
        ),
        failing=(
            sample("billing/services/runs.py", "Run.objects.filter(pk=1).select_for_update()\n"),
            sample("billing/locks.py", "rows.select_for_update(of=('self',))\n"),
        ),
    ),
    Rule(
        says="no insert ignores conflicts: MariaDB would cut long values and drop rows silently",
        find=ignored_conflict,
        passing=(sample("ingest/services/events.py", "rows.bulk_create(events)\n"),),
        failing=(
            sample("ingest/services/events.py", "rows.bulk_create(x, ignore_conflicts=True)\n"),
        ),
    ),
    Rule(
        says="boundaries of time come from Python, not from SQL's calendar",
        find=calendar_in_sql,
        passing=(
            sample("billing/selectors/runs.py", "rows.filter(starts_at__gte=a, starts_at__lt=b)\n"),
            sample(
                "billing/selectors/runs.py", "from django.db.models.functions import Coalesce\n"
            ),
        ),
        failing=(
            sample("billing/selectors/runs.py", "rows.filter(starts_at__date=day)\n"),
            sample("billing/selectors/runs.py", "rows.filter(starts_at__year__gte=2024)\n"),
            sample(
                "billing/selectors/runs.py", "from django.db.models.functions import TruncDay\n"
            ),
        ),
    ),
    Rule(
        says="rows of another app are changed by its services alone",
        find=foreign_write,
        passing=(
            sample(
                "billing/services/runs.py",
                "from billing.models import Run\nfrom neruba.models import Project\n"
                "Run.objects.create(project=Project.objects.get(pk=1))\n",
            ),
            sample(
                "tests/factories.py",
                "from neruba.models import Project\nProject.objects.create()\n",
            ),
        ),
        failing=(
            sample(
                "billing/services/runs.py",
                "from neruba.models import Project\nProject.objects.filter(pk=1).update(a=1)\n",
            ),
            sample(
                "billing/services/runs.py",
                "from ingest.models.event import UsageEvent as Event\nEvent.objects.create()\n",
            ),
        ),
    ),
)
