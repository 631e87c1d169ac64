"""The mergeable state of many events: small, exact, and the same in every order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import NamedTuple

from neruba.decimals import EXACT, ZERO, add

CHECKSUM_MODULUS = 2**256
DIGEST_BYTES = 32


# What names an item, with its type: 1 and 1.0 are one item, 1 and "1" are two.
Item = tuple[str, object]


class Entry(NamedTuple):
    """One event that counts, for aggregations that look at each. Sorts by time, then by arrival.

    `at` is its instant as text in UTC, in an order that is time's; `value` is 1 where the meter
    reads no number. `removes` says that it takes its item out.
    """

    at: str
    id: int
    value: Decimal
    item: Item | None = None
    removes: bool = False


@dataclass(slots=True)
class State:
    """Count, sum, bounds and checksum of the events that count, and a memory of all that was read.

    The checksum is the sum of the events' content hashes modulo 2^256. `last_event` and
    `last_retraction` are the highest ids read, those of retracted events included, so that a state
    knows for which bounds it holds. `unusable` counts events whose value the meter cannot use; they
    are in nothing else. `entries` are the events one by one, in any order, where the reader keeps
    them. Law: `merge` is associative and (but for the order of entries) commutative, and `State()`
    is its zero.
    """

    count: int = 0
    total: Decimal = ZERO
    low: Decimal | None = None
    high: Decimal | None = None
    checksum: int = 0
    unusable: int = 0
    last_event: int = 0
    last_retraction: int = 0
    entries: list[Entry] = field(default_factory=list)

    @classmethod
    def of_parts(
        cls,
        *,
        count: int,
        totals: Sequence[str],
        lows: Sequence[str],
        highs: Sequence[str],
        checksums: Sequence[str],
        unusable: int,
        last_event: int,
        last_retraction: int,
    ) -> "State":
        """The merged state of parts that a database gathered: it adds and compares integers, while
        decimals as text (empty: none) and checksums in hex are added here. In any order of parts.
        """
        return cls(
            count=count,
            total=sum_of(totals),
            low=min((Decimal(text) for text in lows if text), default=None),
            high=max((Decimal(text) for text in highs if text), default=None),
            checksum=sum(int(digits, 16) for digits in checksums) % CHECKSUM_MODULUS,
            unusable=unusable,
            last_event=last_event,
            last_retraction=last_retraction,
        )

    def add(self, value: Decimal | None, content_hash: bytes) -> None:
        """Count one event; `value` is None where the meter reads none."""
        self.count += 1
        self.checksum = (self.checksum + int.from_bytes(content_hash, "big")) % CHECKSUM_MODULUS
        if value is not None:
            self.total = EXACT.add(self.total, value)
            if self.low is None or value < self.low:
                self.low = value
            if self.high is None or value > self.high:
                self.high = value

    def add_many(self, values: Sequence[int], content_hashes: Sequence[bytes]) -> None:
        """Count several events, whose values are whole numbers (none at all where the meter reads
        none); law: as `add` of each.
        """
        self.count += len(content_hashes)
        total = sum(map(int.from_bytes, content_hashes))
        self.checksum = (self.checksum + total) % CHECKSUM_MODULUS
        if values:
            self.total = EXACT.add(self.total, Decimal(sum(values)))
            self.low = _extreme(self.low, Decimal(min(values)), EXACT.min)
            self.high = _extreme(self.high, Decimal(max(values)), EXACT.max)

    def note(self, event: int, retraction: int | None) -> None:
        """Remember that an event, and what retracted it, was read."""
        self.last_event = max(self.last_event, event)
        if retraction is not None and retraction > self.last_retraction:
            self.last_retraction = retraction

    def merge(self, other: "State") -> None:
        """Take in the state of other events."""
        self.count += other.count
        self.total = EXACT.add(self.total, other.total)
        self.low = _extreme(self.low, other.low, EXACT.min)
        self.high = _extreme(self.high, other.high, EXACT.max)
        self.checksum = (self.checksum + other.checksum) % CHECKSUM_MODULUS
        self.unusable += other.unusable
        self.note(other.last_event, other.last_retraction)
        self.entries += other.entries

    @property
    def checksum_hex(self) -> str:
        return self.checksum.to_bytes(DIGEST_BYTES, "big").hex()


def sum_of(decimals: Sequence[str]) -> Decimal:
    """The exact sum of decimals in plain notation; of whole numbers at the price of integers."""
    if any("." in text for text in decimals):
        return add(ZERO, *map(Decimal, decimals))
    return Decimal(sum(map(int, decimals)))


def _extreme(
    first: Decimal | None, second: Decimal | None, choose: Callable[[Decimal, Decimal], Decimal]
) -> Decimal | None:
    if first is None or second is None:
        return second if first is None else first
    return choose(first, second)
