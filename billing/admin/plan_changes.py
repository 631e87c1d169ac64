"""What changed between versions of a plan, and who stands on which, as tables."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from billing.admin.tariff import lines_of, tariff
from billing.models import PlanVersion
from billing.rating.plan_diff import PlanChange, plan_changes
from billing.selectors.plans import content_of
from neruba.admin.page import Table, code, instant, label, link_to, page_of
from neruba.canonical import canonical_json

VERBS = {"added": "success", "removed": "error", "changed": "info", "moved": "plain"}


def version_table(versions: Sequence[PlanVersion], standing: Mapping[int, int]) -> Table:
    """One row for each version, newest first, with the subscriptions that stand on it (by id)."""
    return Table(
        title="Versions",
        columns=("Version", "Name", "Made", "Subscriptions on it", "Since the one before"),
        rows=[
            (
                link_to(version, f"v{version.version}"),
                version.name,
                instant(version.created_at),
                standing[version.pk],
                _what_changed(version) if version.version > 1 else "–",
            )
            for version in versions
        ],
        empty="",
        numeric=("Subscriptions on it",),
    )


def change_table(old: PlanVersion, new: PlanVersion, others: Sequence[PlanVersion]) -> Table:
    """What is different in `new`; `others` are the versions that it may be compared with."""
    changes = plan_changes(content_of(old), content_of(new))
    return Table(
        title=f"What changed from version {old.version} to version {new.version}",
        columns=("Change", "Price", "What", "Before", "After"),
        rows=[
            (
                label(change.verb, VERBS[change.verb]),
                code(change.price) or "the plan",
                change.text,
                _value(change, change.old, old.currency),
                _value(change, change.new, new.currency),
            )
            for change in changes
        ],
        empty=f"Nothing: the versions {old.version} and {new.version} say the same.",
        more=_choices(old, new, others),
        anchor="changes",
    )


def _choices(old: PlanVersion, new: PlanVersion, others: Sequence[PlanVersion]) -> SafeString | str:
    """Links to the same page, compared with another version."""
    links = format_html_join(
        " ",
        '<a href="?with={}#changes">v{}</a>',
        (
            (version.version, version.version)
            for version in others
            if version.pk not in (old.pk, new.pk)
        ),
    )
    return format_html("compare with {}", links) if links else ""


def _what_changed(version: PlanVersion) -> SafeString:
    return format_html('<a href="{}#changes">what changed</a>', page_of(version))


def _value(change: PlanChange, value: Any, currency: str) -> SafeString | str:
    if value is None:
        return "–"
    if change.price is not None and not change.field:
        return lines_of(tariff(value, currency))
    return code(value if isinstance(value, str) else canonical_json(value))
