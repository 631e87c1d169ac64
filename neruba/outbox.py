"""Who hears which news. News travels from right to left: the teller knows no listener.

An app further left registers a handler from its `AppConfig.ready`; `neruba.services.outbox` writes
the news beside what it is of, and hands it over after the commit.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from neruba.models import Project


@dataclass(frozen=True, slots=True)
class Handler:
    """What is done on news of a topic.

    `work(project, payload)` runs in a transaction of its own, together with the mark that it is
    done: exactly once. With `external` it runs outside of any (mail, HTTP) and may run again after
    a crash: at least once.
    """

    topic: str
    name: str
    work: Callable[[Project, Mapping[str, Any]], None]
    external: bool = False


_handlers: dict[tuple[str, str], Handler] = {}


def register_handler(handler: Handler) -> None:
    """Hear the news of a topic that is announced from now on."""
    _handlers[handler.topic, handler.name] = handler


def unregister_handler(topic: str, name: str) -> None:
    """Hear no more; what waits for it dies and is shown."""
    _handlers.pop((topic, name), None)


def handlers_of(topic: str) -> list[Handler]:
    """All that listen to a topic, by name."""
    return [_handlers[key] for key in sorted(_handlers) if key[0] == topic]


def handler_of(topic: str, name: str) -> Handler | None:
    """One of them, or None where it is not registered (any more)."""
    return _handlers.get((topic, name))
