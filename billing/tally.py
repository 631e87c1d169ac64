"""What billing came to. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass
class Tally:
    """What steps came to: drafts opened, documents finalised, their totals in minor units.

    `hashes` are of documents that were computed and not stored.
    """

    invoiced: int = 0
    finalized: int = 0
    totals: dict[str, int] = field(default_factory=dict)
    hashes: list[str] = field(default_factory=list)

    def add(self, finalized: int, totals_minor: Mapping[str, int]) -> None:
        self.finalized += finalized
        for currency, minor in totals_minor.items():
            self.totals[currency] = self.totals.get(currency, 0) + minor
