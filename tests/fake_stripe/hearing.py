"""What an endpoint of ours heard from the fake."""

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Heard:
    body: bytes
    signature: str

    @property
    def event(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.body)
        return content


@dataclass
class Hearing:
    """Messages in the order in which they came; the first answers are those of `answers`."""

    url: str
    messages: list[Heard] = field(default_factory=list)
    answers: list[int] = field(default_factory=list)

    def take(self, heard: Heard) -> int:
        self.messages.append(heard)
        return self.answers.pop(0) if self.answers else 200

    def types(self) -> list[str]:
        return [heard.event["type"] for heard in self.messages]
