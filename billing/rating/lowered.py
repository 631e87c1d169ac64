"""What later corrections took back of a line, and of the corrections that had raised it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from neruba.money import allocate

Place = tuple[int, str] | None  # a correction: its invoice's id and its key; None: the line itself


@dataclass(frozen=True, slots=True)
class CreditedAmount:
    """What a credit note gives back of a line, in minor units: net, and of each tax by rate."""

    net_minor: int = 0
    taxes: Mapping[str, int] = field(default_factory=dict)

    @property
    def tax_minor(self) -> int:
        return sum(self.taxes.values())


def lowered_places(
    corrections: Sequence[tuple[Place, CreditedAmount]],
) -> dict[Place, CreditedAmount]:
    """What of a line (None) and of its corrections was taken back by later ones, in minor units;
    `corrections` in order, above zero where they raise it.

    A correction below zero takes from the latest that raised the line, then from the one before,
    and what is left from the line itself; its taxes in proportion. Law: what is taken is the sum of
    all that lowers.
    """
    raised: list[tuple[Place, int]] = []
    found: dict[Place, CreditedAmount] = {}
    for place, amount in corrections:
        if amount.net_minor >= 0:
            raised.append((place, amount.net_minor))
            continue
        left, taken = -amount.net_minor, list[tuple[Place, int]]()
        while left and raised:
            top, most = raised.pop()
            taken.append((top, min(left, most)))
            left -= min(left, most)
            if most > taken[-1][1]:
                raised.append((top, most - taken[-1][1]))
        if left:
            taken.append((None, left))
        parts = {
            rate: allocate(-minor, [net for _, net in taken])
            for rate, minor in amount.taxes.items()
        }
        for index, (one, net) in enumerate(taken):
            before = found.get(one, CreditedAmount())
            taxes = dict(before.taxes)
            for rate, shares in parts.items():
                taxes[rate] = taxes.get(rate, 0) + shares[index]
            found[one] = CreditedAmount(before.net_minor + net, taxes)
    return found
