"""Who acts: carried from the door to the audit row."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Actor:
    """An operator, an API key, or Neruba itself (the clock, a schedule)."""

    kind: Literal["operator", "api_key", "system"]
    name: str
    origin: str = ""  # the address it came from
    request_id: str = ""  # as it stands in the logs

    def __str__(self) -> str:
        return self.name


SYSTEM = Actor("system", "neruba")
