"""Which migrations the previous release can live with: those that only expand the schema.

After an upgrade the old code still runs for a while, and it runs again when one goes back. So a
migration adds what the old code does not see. What contracts comes one release after the code
stopped needing it, and says so in its file: `# contract: 0.3.0 no longer uses it`.
"""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from django.db import migrations, models
from django.db.migrations.operations.base import Operation

CONTRACT = re.compile(r"^# contract: (\d+)\.(\d+)\.(\d+) no longer uses it$", re.MULTILINE)

# Each breaks code that does not know of it: what it reads or writes is gone, or refused.
CONTRACTING = (
    migrations.RemoveField,
    migrations.DeleteModel,
    migrations.RenameField,
    migrations.RenameModel,
    migrations.AlterField,
    migrations.AlterModelTable,
    migrations.AlterUniqueTogether,
    migrations.AddConstraint,
)
# What the database does not see.
UNSEEN = frozenset({"verbose_name", "help_text", "choices", "validators", "blank", "editable"})


def contractions(
    operations: Sequence[Operation], state: migrations.state.ProjectState, app: str
) -> Iterator[str]:
    """What in the operations the previous release cannot live with, in words.

    `state` is the schema before them, and is changed.
    """
    made: set[str] = set()  # tables that the old code does not know
    for operation in operations:
        if isinstance(operation, migrations.CreateModel):
            made.add(operation.name_lower)
        known = getattr(operation, "model_name_lower", "") not in made
        if known and contracts(operation, state, app):
            yield operation.describe()
        if isinstance(operation, migrations.SeparateDatabaseAndState):
            yield from contractions(operation.database_operations, state.clone(), app)
        operation.state_forwards(app, state)


def contracts(operation: Operation, state: migrations.state.ProjectState, app: str) -> bool:
    if isinstance(operation, migrations.AddField):
        return needs_a_value(operation.field)
    if isinstance(operation, migrations.AlterField):
        before = state.models[app, operation.model_name_lower].fields[operation.name]
        return not is_wider(before, operation.field)
    if isinstance(operation, migrations.RunSQL):
        return True  # nobody here reads SQL: a person says that it is safe
    return isinstance(operation, CONTRACTING)


def needs_a_value(field: models.Field[Any, Any]) -> bool:
    """Whether the INSERT of code that does not name the column is refused. Django's own defaults
    are not the database's.
    """
    if isinstance(field, models.ManyToManyField | models.GeneratedField):
        return False
    return not field.null and field.db_default is models.NOT_PROVIDED


def is_wider(before: models.Field[Any, Any], after: models.Field[Any, Any]) -> bool:
    """Whether whatever the old code writes still fits: the same column, with NULL allowed or with
    more room for text.
    """
    old, new = seen(before), seen(after)
    if (before.null and not after.null) or type(before) is not type(after):
        return False
    longer = (new.pop("max_length", None) or 0) >= (old.pop("max_length", None) or 0)
    new.pop("null", None), old.pop("null", None)
    return longer and old == new


def seen(field: models.Field[Any, Any]) -> dict[str, Any]:
    return {name: value for name, value in field.deconstruct()[3].items() if name not in UNSEEN}


def allowed_by(source: str, version: str) -> bool:
    """Whether the file says that an earlier release than `version` stopped using what goes."""
    said = CONTRACT.search(source)
    now = tuple(int(part) for part in version.split("."))
    return said is not None and tuple(int(part) for part in said.groups()) < now
