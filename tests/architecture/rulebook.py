"""The rules of the house, each with code that it must let pass and code that it must find."""

from tests.architecture.rules import (
    MAX_LINES,
    Rule,
    broad_except,
    calendar_in_sql,
    clock_below_the_edge,
    early_task,
    float_conversion,
    foreign_write,
    ignored_conflict,
    logic_in_save,
    long_file,
    row_signal,
    sample,
    second_clock,
    second_invoice,
    stray_lock,
    vague_name,
)

RULES = (
    Rule(
        says="one function makes previews, drafts and invoices",
        find=second_invoice,
        passing=(
            sample(
                "billing/selectors/contents.py",
                "from billing.rating.invoice import compute_invoice\n",
            ),
            sample("billing/rating/invoice.py", "from billing.rating.composition import compose\n"),
            sample("billing/api/changes.py", "from billing.selectors.contents import computed\n"),
        ),
        failing=(
            sample(
                "billing/selectors/previews.py",
                "from billing.rating.invoice import InvoiceContent, compute_invoice\n",
            ),
            sample("billing/services/changes.py", "from billing.rating.fees import fee_lines\n"),
            sample("support/admin/customer.py", "from billing.rating.composition import compose\n"),
        ),
    ),
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
