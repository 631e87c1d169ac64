"""Reading the environment: a wrong variable is named, with what was expected of it."""

from collections.abc import Callable
from typing import Any, TypeVar

import environ
from django.core.exceptions import ImproperlyConfigured

env = environ.Env()
FALSE_WORDS = ("false", "off", "no", "n", "0", "")
T = TypeVar("T")


def read(reader: Callable[..., T], name: str, default: Any, expected: str) -> T:
    """The variable `name`, or `default` where it is not set.

    Raises ImproperlyConfigured that names the variable and says what is expected.
    """
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
