"""The policies of a project, with their defaults. Pure: stored as JSON, only what differs from the
defaults.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import timedelta
from functools import lru_cache
from typing import Any

from neruba.errors import InvalidError, UnsupportedError
from neruba.period import parse_duration

CHOICES: dict[str, tuple[str, ...]] = {
    "proration_basis": ("day", "second", "day_30"),
    "termination_day": ("exclusive", "inclusive"),
    "rounding": ("half_up", "half_even"),
    "late_event_policy": ("next_invoice", "credit_note", "reopen"),
    "promotional_credit": ("after_tax", "before_tax"),
}
DURATIONS = ("finalization_grace", "future_event_tolerance")
FLAGS = ("usage_by_subscription", "bad_debt_tax_relief")
MAX_PAYMENT_TERMS_DAYS = 365


@dataclass(frozen=True, slots=True)
class ProjectSettings:
    """What a project decided. Durations are ISO 8601; see docs/settings.md for each."""

    proration_basis: str = "day"
    termination_day: str = "exclusive"
    rounding: str = "half_up"
    finalization_grace: str = "PT1H"
    late_event_policy: str = "next_invoice"
    payment_terms_days: int = 30
    usage_by_subscription: bool = False
    promotional_credit: str = "after_tax"
    bad_debt_tax_relief: bool = False
    future_event_tolerance: str = "PT5M"

    @classmethod
    def parse(cls, given: Mapping[str, Any]) -> "ProjectSettings":
        """Check what was given and fill in the defaults.

        Raises InvalidError with a pointer to the setting at fault.
        """
        known = {field.name for field in fields(cls)}
        for name, value in given.items():
            pointer = f"/settings/{name}"
            if name not in known:
                raise InvalidError(f"There is no setting {name!r}.", pointer=pointer)
            problem = _problem(name, value)
            if problem:
                raise InvalidError(f"{name}: {problem}.", pointer=pointer)
            if name == "usage_by_subscription" and value:
                raise UnsupportedError(
                    "usage_by_subscription: events cannot be split between subscriptions yet.",
                    pointer=pointer,
                )
            if name == "late_event_policy" and value != "next_invoice":
                raise UnsupportedError(
                    f"late_event_policy: {value} needs credit notes, which are not there yet.",
                    pointer=pointer,
                )
            if name == "promotional_credit" and value != "after_tax":
                raise UnsupportedError(
                    "promotional_credit: credit is drawn after tax; before_tax is not there yet.",
                    pointer=pointer,
                )
        return cls(**given)

    @classmethod
    def of_project(cls, given: Mapping[str, Any]) -> "ProjectSettings":
        """Read what a project stores, which was checked when it was set; a run asks for it again
        and again.
        """
        return _of_project(tuple(sorted(given.items())))

    @classmethod
    def stored(cls, text: str) -> "ProjectSettings":
        """Read what `as_dict` gave, as pinned to a period; it was checked when it was set."""
        return _stored(text)

    def as_dict(self) -> dict[str, Any]:
        """All settings by name."""
        return asdict(self)

    def differing(self) -> dict[str, Any]:
        """What differs from the defaults: the form in which a project stores it."""
        defaults = asdict(ProjectSettings())
        return {name: value for name, value in asdict(self).items() if value != defaults[name]}

    @property
    def grace(self) -> timedelta:
        """How long after a period's end late events still count as if they had come in time."""
        return _duration(self.finalization_grace)

    @property
    def future_tolerance(self) -> timedelta:
        """How far ahead of the project's clock an event may be dated."""
        return _duration(self.future_event_tolerance)


_duration = lru_cache(maxsize=256)(parse_duration)


@lru_cache(maxsize=256)
def _of_project(given: tuple[tuple[str, Any], ...]) -> ProjectSettings:
    return ProjectSettings(**dict(given))


@lru_cache(maxsize=256)
def _stored(text: str) -> ProjectSettings:
    """Most periods of a project were opened with the same policy."""
    return ProjectSettings(**json.loads(text))


def _problem(name: str, value: Any) -> str:
    if name in CHOICES:
        return "" if value in CHOICES[name] else f"expected one of {', '.join(CHOICES[name])}"
    if name in FLAGS:
        return "" if isinstance(value, bool) else "expected true or false"
    if name in DURATIONS:
        return _duration_problem(value)
    whole = isinstance(value, int) and not isinstance(value, bool)
    if whole and 0 <= value <= MAX_PAYMENT_TERMS_DAYS:
        return ""
    return f"expected a whole number from 0 to {MAX_PAYMENT_TERMS_DAYS}"


def _duration_problem(value: Any) -> str:
    try:
        negative = not isinstance(value, str) or parse_duration(value) < timedelta(0)
    except ValueError:
        negative = True
    return "expected an ISO 8601 duration such as PT1H" if negative else ""
