"""What can be asked for: each app registers its acts from `AppConfig.ready`."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from neruba.actor import Actor
from neruba.models import Project


@dataclass(frozen=True, slots=True)
class ApprovalKind:
    """An act that a second person approves where it is above the asker's limit.

    `permission` (`app.code`) is what both need. `perform(project, payload, actor, at)` does it,
    with who asked as the actor, and returns the public id of what was made; it checks everything
    anew and raises NerubaError where it cannot be done any more. `summary` says it to a person.
    """

    operation: str
    title: str
    permission: str
    perform: Callable[[Project, Mapping[str, Any], Actor, datetime], str]
    summary: Callable[[Project, Mapping[str, Any]], list[tuple[str, str]]]


# What one needs to decide on what others ask for, beside the right to the act itself.
DECIDE = "neruba.change_approval"

_kinds: dict[str, ApprovalKind] = {}


def register_kind(kind: ApprovalKind) -> None:
    """Let this act be asked for."""
    _kinds[kind.operation] = kind


def unregister_kind(operation: str) -> None:
    """Let it be asked for no more."""
    _kinds.pop(operation, None)


def kind_of(operation: str) -> ApprovalKind | None:
    """The act of this name, or None where no app registered it (any more)."""
    return _kinds.get(operation)
