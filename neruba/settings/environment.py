"""Reading the environment: a wrong variable is named, with what was expected of it.

Whatever is read is remembered, so that `manage.py show_settings`, the check for misspelt names and
the test of docs/settings.md know every variable from the line that reads it.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import environ
from django.core.exceptions import ImproperlyConfigured

env = environ.Env()
FALSE_WORDS = ("false", "off", "no", "n", "0", "")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Variable:
    """One that settings read: its default, what is expected of it, and its text where it is
    set.
    """

    name: str
    default: Any
    expected: str
    given: str | None


# By name, in the order in which they were read.
VARIABLES: dict[str, Variable] = {}
# What programs beside Django read.
READ_ELSEWHERE = {
    "WEB_CONCURRENCY": "web processes of bin/serve",
    "WORKER_CONCURRENCY": "worker processes of bin/serve",
    "PORT": "where the web of a container listens",
    "NERUBA_EXAMPLES": "examples of each property in tests",
    "PYTHON": "the interpreter that bin/setup makes .venv with",
}


def read(reader: Callable[..., T], name: str, default: Any, expected: str) -> T:
    """The variable `name`, or `default` where it is not set.

    Raises ImproperlyConfigured that names the variable and says what is expected.
    """
    VARIABLES[name] = Variable(name, default, expected, os.environ.get(name))
    try:
        return reader(name, default=default)
    except (ValueError, TypeError, ImproperlyConfigured) as error:
        raise ImproperlyConfigured(f"{name} is not valid: expected {expected}.") from error


def flag(name: str, *, default: bool) -> Any:
    """The variable `name` as true or false; environ's own reader takes any other word for false."""
    word = env.str(name, default=str(default)).lower()
    if word not in env.BOOLEAN_TRUE_STRINGS + FALSE_WORDS:
        raise ValueError(word)
    return word in env.BOOLEAN_TRUE_STRINGS
