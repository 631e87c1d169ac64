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


# What makes lines and totals: `compute_invoice` puts it together, and documents come of that alone.
MAKES_LINES = {"compose", "changed_lines", "correction_lines", "fee_lines", "minimum_line"}
COMPUTES_INVOICES = {"billing/selectors/contents.py", "billing/rating/what_if.py"}
# Shows what the parts of a period come to, and makes no document of it.
SHOWS_PARTS = {"billing/admin/period_picture.py"}


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


def second_invoice(module: Module) -> Iterator[int]:
    """Finds what would make an invoice, or a preview of one, beside the one function."""
    if not module.app:
        return
    path = module.path.as_posix()
    for node in module.nodes():
        if not isinstance(node, ast.ImportFrom) or not (node.module or "").startswith("billing."):
            continue
        names = {alias.name for alias in node.names}
        if "compute_invoice" in names and path not in COMPUTES_INVOICES:
            yield node.lineno
        shows = path.startswith("billing/rating/") or path in SHOWS_PARTS
        if names & MAKES_LINES and not shows:
            yield node.lineno
